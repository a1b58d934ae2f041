import { Code, ConnectError } from '@connectrpc/connect';
import type { ServiceImpl } from '@connectrpc/connect';
import type { Destination, DestinationProfile, Update } from '../../api/gen/destination_pb.js';
import type { MeshConfig } from '../../api/config.ts';
import { parseCidr } from '../../lib/cidr.ts';
import { parseContext } from '../cluster/context.ts';
import { Live } from '../cluster/live.ts';
import type { Changes, LiveOptions } from '../cluster/live.ts';
import type { Streams } from '../cluster/streams.ts';
import { parseTarget, targetKey } from '../cluster/target.ts';
import { addressSet } from './address-set.ts';
import type { AddressSet } from './address-set.ts';
import { updates } from './get.ts';
import type { Place } from './locality.ts';
import { profileMessage, profileOf } from './profile.ts';
import type { Profile } from './profile.ts';

export interface DestinationOptions {
  changes: Changes;
  config: MeshConfig;
  streams: Streams;
  onError: LiveOptions<unknown>['onError'];
}

/**
 * io.linkerd.proxy.destination.Destination. A lookup of what can be no destination of the cluster fails with INVALID_ARGUMENT, which tells a proxy
 * to connect to the original address; every other stream stays open until the client ends it (reference: the proxy subscribes again at once,
 * without backoff, when a stream ends after a message, and retries NOT_FOUND for ever). An address of the cluster's networks that nobody has is its own
 * profile, and the stream follows who gets it: a client that was faster than the news of a pod would speak plain text to it as long as it comes back.
 */
export function destinationService({ changes, config, streams, onError }: DestinationOptions): ServiceImpl<typeof Destination> & { close(): void } {
  const target = (key: string) => parseTarget(key, config.clusterDomain)!;
  const sets = new Live<AddressSet>({ changes, onError, compute: (key, view, previous) => addressSet(target(key), view, config, previous) });
  const networks = config.clusterNetworks.flatMap((text) => parseCidr(text) ?? []);
  const profiles = new Live<Profile>({ changes, onError, compute: (key, view, previous) => profileOf(target(key), view, config, previous) });

  function keyOf(path: string): string {
    const parsed = parseTarget(path, config.clusterDomain);
    if (!parsed) throw new ConnectError(`"${path}" names no service of ${config.clusterDomain} and is no address`, Code.InvalidArgument);
    return targetKey(parsed, config.clusterDomain);
  }

  function placeOf(contextToken: string): () => Place {
    const { node } = parseContext(contextToken);
    return () => ({ node, zone: node === undefined ? undefined : changes.view.zone(node) });
  }

  async function* knownSets(key: string, signal: AbortSignal): AsyncGenerator<AddressSet, void, void> {
    const byAddress = target(key).kind === 'ip';
    let first = true;
    for await (const set of sets.follow(key, signal)) {
      if (first && byAddress && !set.exists) throw unknown(key);
      first = false;
      yield set;
    }
  }

  async function* profileMessages(key: string, place: () => Place, signal: AbortSignal): AsyncGenerator<DestinationProfile, void, void> {
    const asked = target(key);
    const outside = asked.kind === 'ip' && !networks.some((network) => network.contains(asked.ip));
    for await (const profile of profiles.follow(key, signal)) {
      if (outside && profile.kind === 'endpoint' && !profile.endpoint.pod) throw unknown(key);
      yield profileMessage(profile, place(), config);
    }
  }

  return {
    get(request, context): AsyncGenerator<Update, void, void> {
      const key = keyOf(request.path);
      return streams.run('Get', context.signal, updates(knownSets(key, context.signal), placeOf(request.contextToken)));
    },
    getProfile(request, context): AsyncGenerator<DestinationProfile, void, void> {
      const key = keyOf(request.path);
      return streams.run('GetProfile', context.signal, profileMessages(key, placeOf(request.contextToken), context.signal));
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
