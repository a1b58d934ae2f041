/** An image cannot be built; the message says why and what to do next. */
export class ImageError extends Error {}
