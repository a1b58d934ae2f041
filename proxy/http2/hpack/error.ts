/** A header block that cannot be decoded. The decoder's state is lost with it, so the connection ends with COMPRESSION_ERROR (RFC 7541 2.3.3, 6). */
export class HpackError extends Error {}
