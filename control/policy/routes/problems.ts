/** Reasons that the Gateway API has for conditions Accepted and ResolvedRefs (RouteConditionReason), as far as routes of a mesh can meet them. */
export type RuleReason = 'UnsupportedValue' | 'IncompatibleFilters';
/** FilterNotFound is our own: the Gateway API names no reason for a filter that is not there. */
export type ReferenceReason = 'RefNotPermitted' | 'InvalidKind' | 'BackendNotFound' | 'FilterNotFound';

export type Problem = {
  /** the field, as rules[0].filters[1] */
  where: string;
  message: string;
} & (
  /** the rule cannot be followed and is left out */
  | { kind: 'rule'; reason: RuleReason }
  /** what is referred to cannot be used; requests for it fail */
  | { kind: 'reference'; reason: ReferenceReason }
  /** the field alone is left out, or does not do what it seems to */
  | { kind: 'field' }
);

/** Where a compilation writes down what it could not use. */
export class Problems {
  readonly all: Problem[] = [];

  rule(reason: RuleReason, where: string, message: string): undefined {
    this.all.push({ kind: 'rule', reason, where, message });
    return undefined;
  }

  reference(reason: ReferenceReason, where: string, message: string): undefined {
    this.all.push({ kind: 'reference', reason, where, message });
    return undefined;
  }

  field(where: string, message: string): undefined {
    this.all.push({ kind: 'field', where, message });
    return undefined;
  }

  /** whether one below this field has a rule left out */
  hasRule(where: string): boolean {
    return this.all.some((problem) => problem.kind === 'rule' && (problem.where === where || problem.where.startsWith(`${where}.`)));
  }
}
