import { createRequire } from 'node:module'
import { resolve } from 'node:path'

/** The data sets of the package vega-datasets, wherever it is installed: `build/index.js` is its entry, the files lie beside it. */
export const dataDirectory = resolve(createRequire(import.meta.url).resolve('vega-datasets'), '../../data')
