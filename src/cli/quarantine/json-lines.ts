/** A line of JSON, and where in the value it is: a JSON pointer (RFC 6901). */
export interface JsonLine {
  readonly text: string
  /** Of what begins on this line. Closing brackets have none. */
  readonly pointer: string | null
}

interface Level {
  readonly pointer: string
  readonly isArray: boolean
  index: number
  key: string
}

const INDENT = '  '

/**
 * JSON on lines that people can read. Its tokens stay as they are: numbers that a double cannot hold, repeated keys, escapes.
 *
 * @param text - One JSON value. Undefined is given for what is none.
 */
export function jsonLines(text: string): readonly JsonLine[] | undefined {
  try {
    JSON.parse(text)
  } catch {
    return undefined
  }
  return new Lines().of(text)
}

/** A token: a string, a number or word, or one of the signs. */
const token = /"(?:[^"\\]|\\.)*"|[^\s"{}[\],:]+|[{}[\],:]/g

class Lines {
  private readonly lines: JsonLine[] = []
  private readonly levels: Level[] = []
  private text = ''
  private pointer: string | null = ''

  of(json: string): readonly JsonLine[] {
    const tokens = json.match(token) ?? []
    for (const [i, given] of tokens.entries()) this.add(given, tokens[i + 1])
    this.end()
    return this.lines
  }

  private add(given: string, next: string | undefined): void {
    const level = this.levels.at(-1)
    if (given === '{' || given === '[') this.open(given, next)
    else if (given === '}' || given === ']') this.close(given)
    else if (given === ',') this.next()
    else if (given === ':') this.text += ': '
    else if (next === ':' && level !== undefined) this.nameMember(given, level)
    else this.text += given
  }

  private open(given: string, next: string | undefined): void {
    const pointer = this.here()
    this.text += given
    const isEmpty = next === '}' || next === ']'
    this.levels.push({ pointer, isArray: given === '[', index: 0, key: '' })
    if (isEmpty) return
    this.end()
    this.begin()
  }

  private close(given: string): void {
    const wasEmpty = /[{[]$/.test(this.text)
    if (!wasEmpty) this.end()
    this.levels.pop()
    if (!wasEmpty) {
      this.text = INDENT.repeat(this.levels.length)
      this.pointer = null
    }
    this.text += given
  }

  private next(): void {
    this.text += ','
    this.end()
    const level = this.levels.at(-1)
    if (level !== undefined) level.index++
    this.begin()
  }

  private nameMember(name: string, level: Level): void {
    level.key = JSON.parse(name) as string
    this.pointer = this.here()
    this.text += name
  }

  private begin(): void {
    this.text = INDENT.repeat(this.levels.length)
    this.pointer = this.here()
  }

  private end(): void {
    if (this.text !== '') this.lines.push({ text: this.text, pointer: this.pointer })
    this.text = ''
  }

  /** Of the value that comes now. */
  private here(): string {
    const level = this.levels.at(-1)
    if (level === undefined) return ''
    return `${level.pointer}/${(level.isArray ? `${level.index}` : level.key).replaceAll('~', '~0').replaceAll('/', '~1')}`
  }
}
