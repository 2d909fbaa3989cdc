import type { Row } from './row.js'
import { tableLines } from './table.js'

const EVERY_MS = 200

/** A part of the terminal's bottom that is drawn again in place, while lines are written above it. */
export class LiveView {
  private drawn: readonly string[] = []
  private readonly timer: NodeJS.Timeout
  private isOver = false
  private readonly onResize = () => this.draw()

  /**
   * @param out - A terminal.
   * @param rowsNow - What is to be shown, asked five times a second.
   */
  constructor(
    private readonly out: NodeJS.WriteStream,
    private readonly rowsNow: () => readonly Row[],
    private readonly isColoured: boolean,
  ) {
    out.on('resize', this.onResize)
    this.timer = setInterval(() => this.draw(), EVERY_MS)
    this.draw()
  }

  /** Lets something be written above the view, which stays there. */
  above(write: () => void): void {
    this.out.write(this.erased())
    this.drawn = []
    write()
    if (!this.isOver) this.draw()
  }

  /** Takes the view away; the cursor stands where it began. */
  end(): void {
    if (this.isOver) return
    this.isOver = true
    clearInterval(this.timer)
    this.out.off('resize', this.onResize)
    this.out.write(this.erased())
    this.drawn = []
  }

  private draw(): void {
    // One column stays free: some terminals wrap as soon as the last one is written.
    const columns = Math.max(1, (this.out.columns || 80) - 1)
    const lines = tableLines(this.rowsNow(), { columns, rows: Math.max(2, (this.out.rows || 24) - 1), isColoured: this.isColoured })
    // Wrapping is off meanwhile, for characters that are wider than they count.
    const text = `${lines.join('\n')}\n`
    if (text !== `${this.drawn.join('\n')}\n`) this.out.write(`${this.erased()}\u001b[?7l${text}\u001b[?7h`)
    this.drawn = lines
  }

  /** Back to where the view begins, and clears from there. A window that became narrower has wrapped what was drawn. */
  private erased(): string {
    const columns = this.out.columns || 80
    const height = this.drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(visible(line).length / columns)), 0)
    return height === 0 ? '' : `\r\u001b[${height}A\u001b[J`
  }
}

const visible = (line: string): string => line.replace(/\u001b\[[0-9;]*m/g, '')
