/** How far a base model reads into a long text. */
export type { LeftOut } from "./left-out";
export type { ReachOf } from "./protocol";
export { LONGEST_ANSWERS } from "../tuning/prepare";
export { Reach } from "./thread";
