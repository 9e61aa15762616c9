/** `node scripts/vocabularies.mjs`: fetches the vocabularies of real models that tests compare with, and names their folder. */
import { script } from "./lib/process.mjs";
import { fetchPublishedPieces } from "./lib/published-pieces.mjs";
import { fetchVocabulary, vocabulariesFolder, vocabularyNames } from "./lib/vocabularies.mjs";

script(async () => {
  for (const name of vocabularyNames) await fetchVocabulary(name);
  await fetchPublishedPieces();
  console.log(vocabulariesFolder());
});
