import { fold } from "../data/spelling";

/** What columns of such data are usually called, in the languages that their owners write. */
const words = {
  text: "text texts message messages comment comments content body sentence tweet review post utterance document question query prompt input headline title snippet текст тексты сообщение сообщения комментарий отзыв пост содержание предложение заголовок вопрос",
  label:
    "label labels class classes category categories topic tag tags sentiment emotion annotation intent technique gold cats verdict stance toxic type метка метки класс категория категории тема тональность тип оценка разметка ярлык рубрика техника техники приём прием приёмы приемы",
  target: "target summary answer output response completion translation reference ответ перевод резюме",
  id: "id uuid uid guid key index item номер ид код",
  group:
    "author user username userid thread channel conversation speaker source group автор пользователь канал источник группа",
  split: "split part fold subset partition выборка",
  other:
    "file folder date time datetime timestamp created at updated url link lang language score confidence note comments annotator coder rater labeler labeller reviewer кто разметчик кодировщик аннотатор модератор дата время ссылка язык примечание примечания заметка заметки",
} as const;

export type Role = keyof typeof words;
const roles = new Map<string, Role[]>();
for (const [role, list] of Object.entries(words) as [Role, string][])
  for (const word of list.split(" ")) roles.set(word, [...(roles.get(word) ?? []), role]);

/** What a column's name says that it holds: `full` where the whole name does, else by its last or first word. */
export function roleOf(name: string): { role: Role; full: boolean }[] {
  const plain = fold(name.replace(/([a-z])([A-Z])/g, "$1 $2")).replace(/[.:/]+/g, " ");
  const whole = roles.get(plain);
  if (whole !== undefined) return whole.map((role) => ({ role, full: true }));
  const parts = plain.split(" ");
  const found = roles.get(parts.at(-1) ?? "") ?? roles.get(parts[0] ?? "") ?? [];
  return found.map((role) => ({ role, full: false }));
}

export const hasRole = (name: string, role: Role) => roleOf(name).some((one) => one.role === role);
