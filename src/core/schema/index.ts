export * from "./task";
export * from "./example";
export * from "./prediction";
export * from "./report";
export * from "./settings";
export * from "./manifest";
export * from "./suite";
export * from "./base-training";
