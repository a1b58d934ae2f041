/** UPDATE_GOLDEN=1: golden files are written anew and not compared. */
export const UPDATE_GOLDEN = process.env['UPDATE_GOLDEN'] === '1';
