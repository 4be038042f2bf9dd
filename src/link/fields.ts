/** The link description's fields as README tells them. */
import { z } from "zod";
import { linkSchema } from "./schema.js";

export interface LinkField {
  readonly field: string;
  readonly meaning: string;
  /** What holds where the field is absent. */
  readonly fallback: string;
}

/** Every field with its meaning and default, from the schema itself: README's table. */
export function linkFields(): LinkField[] {
  const json = z.toJSONSchema(linkSchema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  return fieldsOf(json, "");
}

interface JsonSchema {
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
}

function fieldsOf(schema: JsonSchema, prefix: string): LinkField[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, inner]) => {
    const field = prefix + name;
    const nested = inner.properties
      ? fieldsOf(inner, `${field}.`)
      : inner.items?.properties
        ? fieldsOf(inner.items, `${field}[].`)
        : [];
    const choices = inner.enum ? inner.enum.join(", ") : "";
    const meaning = [inner.description, choices].filter(Boolean).join(": ");
    if (nested.length > 0 && !inner.description) return nested;
    const fallback =
      inner.default !== undefined
        ? `\`${JSON.stringify(inner.default)}\``
        : schema.required?.includes(name)
          ? "required"
          : "none";
    return [{ field, meaning, fallback }, ...nested];
  });
}
