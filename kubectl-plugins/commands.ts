import { authz } from './authz/command.ts';
import { canary } from './canary/command.ts';
import { check } from './check/command.ts';
import { complete } from './complete/command.ts';
import { completion } from './completion/command.ts';
import { edges } from './edges/command.ts';
import { fault } from './fault/command.ts';
import { identity } from './identity/command.ts';
import { inject } from './inject/command.ts';
import { install } from './install/command.ts';
import type { Command } from './shared/command.ts';
import { split } from './split/command.ts';
import { stat } from './stat/command.ts';
import { tap } from './tap/command.ts';
import { uninject } from './uninject/command.ts';
import { uninstall } from './uninstall/command.ts';
import { version } from './version/command.ts';

/** Every command, in the order in which help lists them. */
export const COMMANDS: readonly Command[] = [install, check, identity, inject, uninject, stat, edges, tap, authz, split, canary, fault, version, uninstall, completion, complete];
