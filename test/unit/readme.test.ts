import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { errorTable } from "../../src/errors.js";
import { linkFields } from "../../src/link/fields.js";

const path = fileURLToPath(new URL("../../README.md", import.meta.url));

const tables = {
  "error table": [
    "| code | meaning |",
    "|---|---|",
    ...Object.entries(errorTable).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`),
  ],
  "link table": [
    "| field | meaning | default |",
    "|---|---|---|",
    ...linkFields().map(({ field, meaning, fallback }) => `| \`${field}\` | ${meaning} | ${fallback} |`),
  ],
};

/** `QKD_UPDATE_README=1 npx vitest run test/unit/readme.test.ts` writes the tables anew. */
function update(name: string, lines: readonly string[]): void {
  const text = readFileSync(path, "utf8");
  const [start, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`];
  const from = text.indexOf(start) + start.length;
  writeFileSync(path, text.slice(0, from) + lines.join("\n") + text.slice(text.indexOf(end)));
}

test.each(Object.entries(tables))("README's %s is the code's", (name, lines) => {
  if (process.env.QKD_UPDATE_README) update(name, lines);
  expect(lines.length).toBeGreaterThan(30);
  expect(readFileSync(path, "utf8")).toContain(lines.join("\n"));
});
