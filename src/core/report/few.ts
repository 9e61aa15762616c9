/** With fewer test texts than this a class's figures say little. */
export const FEW_TEST_TEXTS = 10;
