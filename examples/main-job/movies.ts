import { filesToPostgres, table } from 'millrace'
import { z } from 'zod'
import { dataDirectory } from './data.js'
import { database } from './database.js'

const movies = table(
  'movies',
  c => ({
    title: c.text(),
    released: c.date(),
    director: c.text().nullable(),
    genre: c.text().nullable(),
    budget: c.bigint().nullable(),
    gross: c.bigint(),
    profit: c.bigint().nullable(),
    rating: c.double().nullable(),
  }),
  { key: ['title', 'released'], create: true },
)

const Movie = z.object({
  Title: z.string().min(1),
  'Release Date': z.string(),
  Director: z.string().nullable(),
  'Major Genre': z.string().nullable(),
  'Production Budget': z.number().int().nullable(),
  'Worldwide Gross': z.number().int().nullable(),
  'IMDB Rating': z.number().min(0).max(10).nullable(),
})

/** 3,201 films; some titles are numbers, some figures are missing, and years before 1970 were written with two digits and read as 20xx. */
export const moviesPipeline = filesToPostgres({
  name: 'movies',
  root: dataDirectory,
  paths: 'movies.json',
  format: 'json',
  schema: Movie,
  toRow(movie, context) {
    const gross = movie['Worldwide Gross']
    if (gross === null) return context.skip('no gross known')
    const budget = movie['Production Budget']
    return {
      title: movie.Title,
      released: releaseDate(movie['Release Date']),
      director: movie.Director,
      genre: movie['Major Genre'],
      budget,
      gross,
      profit: budget === null ? null : gross - budget,
      rating: movie['IMDB Rating'],
    }
  },
  table: movies,
  database,
})

const LATEST_YEAR = 2011
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `'Dec 15 2039'`, which was meant to be 1939, gives `'1939-12-15'`. */
function releaseDate(text: string): string {
  const [, month = '', day, year] = /^([A-Z][a-z]{2}) (\d{2}) (\d{4})$/.exec(text) ?? []
  if (!months.includes(month)) throw new Error(`not a release date: ${text}`)
  const century = Number(year) > LATEST_YEAR ? 100 : 0
  return `${Number(year) - century}-${String(months.indexOf(month) + 1).padStart(2, '0')}-${day}`
}
