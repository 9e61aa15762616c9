/** What pages count: English plural, and the Russian forms for one, a few and many. */
export const NOUNS = {
  text: { many: "texts", russian: ["текст", "текста", "текстов"] },
  "more text": { many: "more texts", russian: ["текст ещё", "текста ещё", "текстов ещё"] },
  "test text": { many: "test texts", russian: ["тестовый текст", "тестовых текста", "тестовых текстов"] },
  "training text": {
    many: "training texts",
    russian: ["обучающий текст", "обучающих текста", "обучающих текстов"],
  },
  "training label": {
    many: "training labels",
    russian: ["обучающую метку", "обучающие метки", "обучающих меток"],
  },
  class: { many: "classes", russian: ["класс", "класса", "классов"] },
  "better class": { many: "better classes", russian: ["класс лучше", "класса лучше", "классов лучше"] },
  label: { many: "labels", russian: ["метка", "метки", "меток"] },
  "more label": { many: "more labels", russian: ["метка ещё", "метки ещё", "меток ещё"] },
  "more pair": { many: "more pairs", russian: ["пара ещё", "пары ещё", "пар ещё"] },
  group: { many: "groups", russian: ["группа", "группы", "групп"] },
  character: { many: "characters", russian: ["знак", "знака", "знаков"] },
  run: { many: "runs", russian: ["запуск", "запуска", "запусков"] },
} as const;

export const UNITS: Readonly<Record<string, string>> = {
  s: "с",
  min: "мин",
  h: "ч",
  MB: "МБ",
  GB: "ГБ",
};

/** Texts of pages in Russian, by their English. */
export const RUSSIAN: Readonly<Record<string, string>> = {};
