/** Runs that wait for their turn: two at a time would take each other's processors and memory. */
export class RunQueue<T> {
  private readonly waiting: { readonly who: T; readonly go: (turn: boolean) => void }[] = [];
  private atWork: T | null = null;

  /** @returns Whether it is its turn now; false where it was taken out before. */
  async turn(who: T): Promise<boolean> {
    if (this.atWork === null) {
      this.atWork = who;
      return true;
    }
    return new Promise((go) => this.waiting.push({ who, go }));
  }

  /** Whoever has worked is done, or no longer wants to wait. */
  leave(who: T): void {
    const at = this.waiting.findIndex((one) => one.who === who);
    if (at >= 0) {
      this.waiting.splice(at, 1)[0]!.go(false);
      return;
    }
    if (this.atWork !== who) return;
    const next = this.waiting.shift();
    this.atWork = next?.who ?? null;
    next?.go(true);
  }

  /** Who goes directly before one that waits; null where it does not wait. */
  before(who: T): T | null {
    const at = this.waiting.findIndex((one) => one.who === who);
    if (at < 0) return null;
    return at === 0 ? this.atWork : this.waiting[at - 1]!.who;
  }
}
