import { Code, ConnectError } from '@connectrpc/connect';
import type { Destination } from '../../api/gen/destination_pb.js';
import { destination_DestinationProfile } from '../../api/gen/tables.ts';
import type { MeshConfig } from '../../api/config.ts';
import { parseCidr } from '../../lib/cidr.ts';
import type { Clock } from '../../lib/clock.ts';
import { parseContext } from '../cluster/context.ts';
import { Live } from '../cluster/live.ts';
import type { Changes, LiveOptions } from '../cluster/live.ts';
import { paced } from '../cluster/pace.ts';
import type { Streams } from '../cluster/streams.ts';
import { parseTarget, targetKey } from '../cluster/target.ts';
import { addressSet } from './address-set.ts';
import type { AddressSet } from './address-set.ts';
import { encodeFrames } from '../serve/frames.ts';
import type { ServiceHandlers } from '../serve/router.ts';
import { outlooks, type Outlook } from './get.ts';
import type { Place } from './locality.ts';
import { profileMessage, profileOf } from './profile.ts';
import type { Profile } from './profile.ts';

export interface DestinationOptions {
  changes: Changes;
  config: MeshConfig;
  streams: Streams;
  clock: Clock;
  onError: LiveOptions<unknown>['onError'];
}

/**
 * io.linkerd.proxy.destination.Destination. A lookup of what can be no destination of the cluster fails with INVALID_ARGUMENT, which tells a proxy
 * to connect to the original address; every other stream stays open until the client ends it (reference: the proxy subscribes again at once,
 * without backoff, when a stream ends after a message, and retries NOT_FOUND for ever). An address of the cluster's networks that nobody has is its own
 * profile, and the stream follows who gets it: a client that was faster than the news of a pod would speak plain text to it as long as it comes back.
 */
export function destinationService({ changes, config, streams, clock, onError }: DestinationOptions): ServiceHandlers<typeof Destination> & { close(): void } {
  const target = (key: string) => parseTarget(key, config.clusterDomain)!;
  const sets = new Live<AddressSet>({ changes, onError, soon: paced(clock), compute: (key, view, previous) => addressSet(target(key), view, config, previous) });
  const networks = config.clusterNetworks.flatMap((text) => parseCidr(text) ?? []);
  const profiles = new Live<Profile>({ changes, onError, soon: paced(clock), compute: (key, view, previous) => profileOf(target(key), view, config, previous) });

  const outlook = outlooks();

  function keyOf(path: string): string {
    const parsed = parseTarget(path, config.clusterDomain);
    if (!parsed) throw new ConnectError(`"${path}" names no service of ${config.clusterDomain} and is no address`, Code.InvalidArgument);
    return targetKey(parsed, config.clusterDomain);
  }

  function placeOf(contextToken: string): () => Place {
    const { node } = parseContext(contextToken);
    return () => ({ node, zone: node === undefined ? undefined : changes.view.zone(node) });
  }

  return {
    get(request) {
      const key = keyOf(request.path);
      const place = placeOf(request.contextToken);
      const byAddress = target(key).kind === 'ip';
      let told: Outlook | undefined;
      return (out) => streams.feed<AddressSet>('Get', out, (listener) => sets.listen(key, listener), (set) => {
        if (told === undefined && byAddress && !set.exists) throw unknown(key);
        const now = outlook(set, place());
        const frames = now.after(told);
        told = now;
        return frames;
      });
    },
    getProfile(request) {
      const key = keyOf(request.path);
      const place = placeOf(request.contextToken);
      const asked = target(key);
      const outside = asked.kind === 'ip' && !networks.some((network) => network.contains(asked.ip));
      return (out) => streams.feed<Profile>('GetProfile', out, (listener) => profiles.listen(key, listener), (profile) => {
        if (outside && profile.kind === 'endpoint' && !profile.endpoint.pod) throw unknown(key);
        return encodeFrames(destination_DestinationProfile, [profileMessage(profile, place(), config)]);
      });
    },
    close() {
      sets.close();
      profiles.close();
    },
  };
}

function unknown(key: string): ConnectError {
  return new ConnectError(`nothing in the cluster has the address ${key}`, Code.InvalidArgument);
}
