import manifest from "../../package.json";

/** Version of Plumb. */
export const { version } = manifest;
