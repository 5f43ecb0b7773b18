import type { Problem, ProblemCode } from "../../bridge";

/** What is entered to call somebody. */
export type EntryField = "cuid" | "context";

const fields: Partial<Record<ProblemCode, EntryField>> = {
  cuidMissing: "cuid",
  invalidLengthCuid: "cuid",
  invalidCuid: "cuid",
  canNotCallSelf: "cuid",
  contactNotReachable: "cuid",
  callContextInvalid: "context",
};

/** Which field a problem is about; the others are about the whole form. */
export const fieldOf = (problem: Problem): EntryField | undefined => fields[problem.code];
