/**
 * A place on the page whose content is made anew where what it shows has changed. The focus stays with the control that
 * has the same `data-id`.
 */
export class Slot {
  private shown: string | null = null;

  constructor(readonly root: HTMLElement) {}

  /** @param shown What the content depends on. */
  show(shown: unknown, make: () => (Node | string)[]): void {
    const key = JSON.stringify(shown);
    if (key === this.shown) return;
    this.shown = key;
    const focused = document.activeElement;
    const id = focused instanceof HTMLElement && this.root.contains(focused) ? focused.dataset.id : undefined;
    const { scrollLeft, scrollTop } = this.root;
    this.root.replaceChildren(...make());
    this.root.scrollTo(scrollLeft, scrollTop);
    if (id !== undefined) this.focus(id);
  }

  /** Makes the content anew the next time, whatever it depends on. */
  forget(): void {
    this.shown = null;
  }

  focus(id: string): void {
    const found = [...this.root.querySelectorAll<HTMLElement>("[data-id]")].find(
      (one) => one.dataset.id === id,
    );
    found?.focus({ preventScroll: true });
  }
}
