/** The part of any object's metadata that decides about injection. */
export interface Metadata {
  name?: string | undefined;
  namespace?: string | undefined;
  labels?: Record<string, string> | undefined;
  annotations?: Record<string, string> | undefined;
  ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean | undefined }[] | undefined;
  uid?: string | undefined;
}

/** A namespace as the injector reads it. */
export interface NamespaceLike { metadata?: Metadata | undefined }
