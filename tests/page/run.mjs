// run.mjs - the tests of the page: modules by themselves, then the whole page in Chromium in front of a running server.
//
//     tests/page/run.mjs [--modules] [--pictures] [SERVER]      SERVER: ./server
//
// --modules runs only what needs neither server nor browser; --pictures also writes docs/pictures.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const page = join(root, "web/ui");
const out = join(root, process.argv.includes("--modules") ? "build/page-modules" : "build/page-tests");
const flags = process.argv.slice(2).filter((argument) => argument.startsWith("--"));
const server = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? join(root, "server");

const files = (folder) => readdirSync(join(root, folder)).filter((name) => name.endsWith(".test.ts")).map((name) => join(root, folder, name));

function bundle(entries) {
  const { buildSync } = createRequire(join(page, "package.json"))("esbuild");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  buildSync({
    entryPoints: entries, outdir: out, outbase: root, entryNames: "[name]", bundle: true, platform: "node", format: "cjs", target: "node18",
    packages: "external", jsx: "automatic", jsxImportSource: "preact", logLevel: "warning",
  });
  return readdirSync(out).filter((name) => name.endsWith(".js")).map((name) => join(out, name));
}

/** Type errors are failures like any other. */
function checkTypes() {
  const { status } = spawnSync(process.execPath, [join(page, "node_modules/typescript/bin/tsc"), "--noEmit", "-p", page], { stdio: "inherit" });
  return status === 0 ? 0 : 1;
}

const entries = files("tests/unit/web/ui");
if (!flags.includes("--modules")) entries.push(...files("tests/page"));
let failed = checkTypes(), passed = failed ? 0 : 1;
for (const file of bundle(entries)) {
  const run = spawnSync(process.execPath, ["--test-reporter=tap", file], {
    encoding: "utf8", maxBuffer: 64 << 20, timeout: 240_000,
    env: { ...process.env, NODE_PATH: join(page, "node_modules"), FERULA_SERVER: resolve(server), FERULA_PICTURES: flags.includes("--pictures") ? join(root, "docs/pictures") : "" },
  });
  const count = (word) => Number(new RegExp(`^# ${word} (\\d+)`, "m").exec(run.stdout)?.[1] ?? 0);
  passed += count("pass");
  const bad = count("fail") + count("cancelled") || (run.status === 0 ? 0 : 1);
  failed += bad;
  if (bad) console.log(run.stdout, run.stderr);
  else console.log((run.stdout.match(/^ *ok .*$/gm) ?? []).map((line) => line.trim()).join("\n"));
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
