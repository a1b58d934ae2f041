/** The HTTP/1 codec alone as a proxy: the floor under the real one. Arguments: listen port, upstream host, upstream port. */
import { startForwarder } from '../../proxy/http1/forwarder.testkit.ts';

const [listen, host, port] = process.argv.slice(2);
await startForwarder(Number(port), Number(listen), '0.0.0.0', host);
