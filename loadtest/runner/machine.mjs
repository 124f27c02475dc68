// What this machine is, and what its processes use, from /proc.

import { readFile, readdir, stat, statfs } from 'node:fs/promises';
import os from 'node:os';

/** Ticks of /proc in a second: fixed for programs on every Linux. */
const TICKS_PER_SECOND = 100;

/** @param {boolean} isHere whether the server runs on this machine too */
export function describe(isHere) {
  const cores = os.cpus();
  return {
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    memoryBytes: os.totalmem(),
    system: `${os.type()} ${os.release()}`,
    loadGeneratorOnSameMachine: isHere,
  };
}

/** Kinds of file systems by the numbers that the kernel has for them; of others the number is told. */
const FILE_SYSTEMS = new Map([
  [0xef53, 'ext4'],
  [0x9123683e, 'btrfs'],
  [0x58465342, 'xfs'],
  [0x01021994, 'tmpfs'],
  [0x794c7630, 'overlay'],
  [0x2fc12fc1, 'zfs'],
  [0x6969, 'nfs'],
]);

/** @param {string} directory */
export async function fileSystem(directory) {
  const { type } = await statfs(directory);
  return FILE_SYSTEMS.get(type) ?? `0x${type.toString(16)}`;
}

/**
 * Seconds of processor time that a process has used, memory and open files; null when it is gone.
 * @param {number} pid
 */
export async function usage(pid) {
  try {
    const [stat, status, files] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/status`, 'utf8'),
      readdir(`/proc/${pid}/fd`),
    ]);
    // The name in brackets may hold spaces; what follows it does not.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const resident = /^VmRSS:\s+(\d+) kB/m.exec(status);
    return {
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
      memoryBytes: resident === null ? null : Number(resident[1]) * 1024,
      openFiles: files.length,
    };
  } catch {
    return null;
  }
}

/** Seconds of processor time that all cores together were busy, and that passed on all of them. */
export async function machineUsage() {
  try {
    const first = (await readFile('/proc/stat', 'utf8')).split('\n')[0] ?? '';
    const times = first
      .split(/\s+/)
      .slice(1, 9)
      .map((ticks) => Number(ticks) / TICKS_PER_SECOND);
    const all = times.reduce((sum, time) => sum + time, 0);
    return { busy: all - (times[3] ?? 0) - (times[4] ?? 0), all };
  } catch {
    return null;
  }
}

/**
 * The bytes of all files of a folder.
 * @param {string} directory
 * @returns {Promise<number>}
 */
export async function directoryBytes(directory) {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    // Files of a store come and go while they are counted.
    bytes += (await stat(`${entry.parentPath ?? entry.path}/${entry.name}`).catch(() => null))?.size ?? 0;
  }
  return bytes;
}
