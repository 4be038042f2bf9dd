/** Reads a link description from a file. */
import { type Link, parseLink } from "../link.js";
import { readJson } from "./files.js";

/** @throws QkdError FILE_UNREADABLE, FILE_NOT_JSON, LINK_CONFIG_INVALID */
export async function readLink(path: string): Promise<Link> {
  return parseLink(await readJson(path), path);
}
