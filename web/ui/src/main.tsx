import { render } from "preact";

import { App } from "./app.tsx";
import { applyTheme, readTheme } from "./settings.ts";

applyTheme(readTheme());
const root = document.getElementById("page")!;
root.textContent = "";
render(<App />, root);
