// Writes the HTML of a run and of a suite beside their JSON.

import { writeRunReport } from "../report/run.mjs";
import { writeSuiteReport } from "../report/suite.mjs";

export const writeReport = writeRunReport;
export const writeSuite = writeSuiteReport;
