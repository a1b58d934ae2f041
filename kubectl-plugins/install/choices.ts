/** Values that flags of install take; apart from options.ts so that help and completion load little. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'] as const;
