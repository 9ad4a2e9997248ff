// build.mjs FOLDER - makes the page: index.html, script, style and icon, packed, with the table page_files.h, into FOLDER.
//
// The packages of package-lock.json are fetched once (node_modules/.fetched-lock remembers which lock); later builds need
// no network. Node 18 is enough.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { constants, gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const PACKED_MAX = 250_000; // bytes, all files together

function fetchPackages() {
  const lock = join(here, "package-lock.json");
  const fetched = join(here, "node_modules/.fetched-lock");
  if (existsSync(fetched) && readFileSync(fetched).equals(readFileSync(lock))) return;
  try {
    execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: here, stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    console.error(String(error.stderr ?? error));
    console.error("The page's packages could not be fetched. They are needed once: with network access, run");
    console.error(`    cd ${here} && npm ci --ignore-scripts`);
    console.error("(node >= 18 and npm; behind a proxy set HTTPS_PROXY, with a mirror set npm_config_registry), then build again.");
    process.exit(1);
  }
  copyFileSync(lock, fetched);
}

async function bundle() {
  const { build } = await import("esbuild");
  const result = await build({
    entryPoints: [{ in: join(here, "src/main.tsx"), out: "app" }, { in: join(here, "src/style/app.css"), out: "style" }],
    outdir: here, bundle: true, minify: true, write: false, format: "iife", target: ["es2021", "chrome100", "firefox100", "safari15"],
    jsx: "automatic", jsxImportSource: "preact", legalComments: "none", logLevel: "warning",
  });
  const text = (suffix) => result.outputFiles.find((file) => file.path.endsWith(suffix)).contents;
  return { script: text("app.js"), style: text("style.css") };
}

const hashed = (name, extension, bytes) =>
  `${name}-${createHash("sha256").update(bytes).digest("hex").slice(0, 12)}.${extension}`;

function writeFiles(folder, { script, style }) {
  const icon = readFileSync(join(here, "src/icon.svg"));
  const names = { script: hashed("app", "js", script), style: hashed("app", "css", style), icon: hashed("icon", "svg", icon) };
  const index = readFileSync(join(here, "src/index.html"), "utf8").replace(/{{(\w+)}}/g, (_, key) => names[key]);
  const files = [
    // symbol, file in FOLDER, name in an address, type, is the name hashed, bytes
    ["index", "index.html.gz", "index.html", "text/html; charset=utf-8", false, Buffer.from(index)],
    ["script", "app.js.gz", names.script, "text/javascript; charset=utf-8", true, script],
    ["style", "app.css.gz", names.style, "text/css; charset=utf-8", true, style],
    ["icon", "icon.svg.gz", names.icon, "image/svg+xml", true, icon],
  ];
  mkdirSync(folder, { recursive: true });
  let total = 0;
  for (const [, file, , , , bytes] of files) {
    const packed = gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION });
    packed[9] = 255; // the system, which must not tell builds apart
    total += packed.length;
    writeFileSync(join(folder, file), packed);
  }
  const rows = files.map(([symbol, , name, type, isHashed]) => `    FILE_OF(${symbol}, "${name}", "${type}", ${isHashed})`);
  writeFileSync(join(folder, "page_files.h"),
    `/* made by web/ui/build.mjs */\n#pragma once\n#define PAGE_FILES(FILE_OF) \\\n${rows.join(" \\\n")}\n`);
  console.log(`page: ${total} bytes packed`);
  if (total <= PACKED_MAX) return;
  console.error(`the page is larger than ${PACKED_MAX} bytes`);
  process.exit(1);
}

fetchPackages();
writeFiles(process.argv[2], await bundle());
