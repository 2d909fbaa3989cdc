import { definePipeline, memoryQuarantine, type Sink, type Source, transform } from 'millrace'
import { changed } from './changed.js'
import type { Reading } from './readings-source.js'

/** A pipeline of parts of its own: prints each sensor's temperature when it has changed by a whole degree. */
export const thermometer = (source: Source<Reading>, sink: Sink<string>) =>
  definePipeline({
    name: 'thermometer',
    source,
    steps: records =>
      records.pipe(
        transform(({ sensor, celsius }) => {
          if (!Number.isFinite(celsius)) throw new RangeError(`${sensor} says ${celsius}`)
          return { sensor, degrees: Math.round(celsius) }
        }),
        changed(({ degrees }) => `${degrees}`),
        transform(({ sensor, degrees }) => `${sensor}: ${degrees} °C`),
      ),
    sink,
    onFailure: memoryQuarantine(),
  })
