/**
 * What a promise gives, unless one of the others fails first. Promise.race would keep the value for as long as the others
 * are pending, which here is a session: whole blocks of detections.
 */
export async function unless<T>(promise: Promise<T>, ...failures: readonly Promise<never>[]): Promise<T> {
  await Promise.race([promise.then(() => undefined), ...failures]);
  return promise;
}
