// Runs a scenario's artillery script. Artillery adds its numbers up over ten seconds, so the script's
// processor writes its points into POINTS_FILE as k6 does: lines of
// `metric_name,timestamp,metric_value,extra_tags` with times in microseconds.

import { existsSync } from "node:fs";
import path from "node:path";
import { CannotRun } from "./failure.mjs";
import { startGenerator } from "./generator.mjs";
import { LOADTEST, findArtillery } from "./install.mjs";

/** What artillery says when a condition of `ensure` was not met: the run itself was complete. */
const CONDITIONS_MISSED = 1;

/**
 * @param {import("./generator.mjs").Load} load
 * @returns {Promise<import("./generator.mjs").Generator>}
 */
export async function startArtillery(load) {
  const script = path.join(LOADTEST, "artillery", `${load.scenario}.yml`);
  if (!existsSync(script)) throw new CannotRun(`there is no artillery script for ${load.scenario} in loadtest/artillery`);
  const environment = {
    ...load.environment, POINTS_FILE: path.join(load.directory, "points.pipe"), ARTILLERY_DISABLE_TELEMETRY: "true",
  };
  return startGenerator(load, await findArtillery(), () => ["run", "--quiet", script], environment, [0, CONDITIONS_MISSED]);
}
