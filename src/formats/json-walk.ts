/** Why a text is not JSON, and the index of the character where that shows. */
export interface JsonProblem {
  readonly at: number
  readonly reason: string
}

/**
 * Walks over a JSON text (RFC 8259) without recursion and without making values. For the rare record that `JSON.parse` cannot serve: it says
 * neither where a text is wrong nor how a number was written.
 *
 * @param onNumber - Called for each number with its place in the text, and a function that gives its path as a JSON pointer (RFC 6901).
 * @returns What is wrong; null where the text is JSON.
 */
export function walkJson(
  text: string,
  onNumber: (start: number, end: number, pathOf: () => string) => void = () => {},
): JsonProblem | null {
  const walker = new Walker(text, onNumber)
  try {
    walker.document()
    return null
  } catch (error) {
    if (error instanceof Wrong) return { at: error.at, reason: error.message }
    throw error
  }
}

class Wrong extends Error {
  constructor(
    message: string,
    readonly at: number,
  ) {
    super(message)
  }
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const SPACE = /[ \t\n\r]*/y
const LITERALS = ['true', 'false', 'null']

class Walker {
  private at = 0
  /** What is open: of an array the index of the present item, of an object the present key as written, quotes included. */
  private readonly open: (number | string)[] = []

  constructor(
    private readonly text: string,
    private readonly onNumber: (start: number, end: number, pathOf: () => string) => void,
  ) {}

  document(): void {
    do {
      if (this.value()) this.ended()
    } while (this.open.length > 0)
    if (this.at < this.text.length) throw this.wrong('the end')
  }

  /** False when an array or object was opened whose first value comes next. */
  private value(): boolean {
    this.space()
    const c = this.text[this.at]
    if (c === '[' || c === '{') return this.opened(c)
    if (c === '"') this.string()
    else if (c === '-' || (c !== undefined && c >= '0' && c <= '9')) this.number()
    else {
      const literal = LITERALS.find(one => this.text.startsWith(one, this.at))
      if (literal === undefined) throw this.wrong('a value')
      this.at += literal.length
    }
    return true
  }

  private opened(bracket: '[' | '{'): boolean {
    this.at++
    this.space()
    if (this.text[this.at] === (bracket === '[' ? ']' : '}')) {
      this.at++
      return true
    }
    this.open.push(bracket === '[' ? 0 : this.key())
    return false
  }

  /** After a value: closes what it was the last of, and goes to the next value otherwise. */
  private ended(): void {
    for (;;) {
      this.space()
      const top = this.open.at(-1)
      if (top === undefined) return
      const c = this.text[this.at]
      const isArray = typeof top === 'number'
      if (c === ',') {
        this.at++
        this.open[this.open.length - 1] = isArray ? top + 1 : this.key()
        return
      }
      if (c !== (isArray ? ']' : '}')) throw this.wrong(isArray ? '"," or "]"' : '"," or "}"')
      this.at++
      this.open.pop()
    }
  }

  private key(): string {
    this.space()
    if (this.text[this.at] !== '"') throw this.wrong('a key in double quotes')
    const start = this.at
    this.string()
    const key = this.text.slice(start, this.at)
    this.space()
    if (this.text[this.at] !== ':') throw this.wrong('":"')
    this.at++
    return key
  }

  private string(): void {
    const { text } = this
    for (this.at++; ; ) {
      const c = text.charCodeAt(this.at)
      if (c === 0x22) {
        this.at++
        return
      }
      if (c === 0x5c) {
        ESCAPE.lastIndex = this.at
        if (!ESCAPE.test(text)) throw new Wrong('a wrong escape in a string', this.at)
        this.at = ESCAPE.lastIndex
      } else if (c >= 0x20) this.at++
      else if (Number.isNaN(c)) throw new Wrong('a string without end', this.at)
      else throw new Wrong('a control character in a string', this.at)
    }
  }

  private number(): void {
    const start = this.at
    NUMBER.lastIndex = start
    if (!NUMBER.test(this.text)) throw this.wrong('a digit', start + 1)
    this.at = NUMBER.lastIndex
    this.onNumber(start, this.at, () => this.open.map(step => `/${pointerStep(step)}`).join(''))
  }

  private space(): void {
    SPACE.lastIndex = this.at
    SPACE.test(this.text)
    this.at = SPACE.lastIndex
  }

  private wrong(expected: string, at = this.at): Wrong {
    return new Wrong(`expected ${expected}, got ${at >= this.text.length ? 'the end' : JSON.stringify(this.text[at])}`, at)
  }
}

function pointerStep(step: number | string): string {
  return typeof step === 'number' ? `${step}` : (JSON.parse(step) as string).replaceAll('~', '~0').replaceAll('/', '~1')
}
