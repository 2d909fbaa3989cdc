/** The version of this package; a test holds it to package.json. Kept as text: reading a file at start would cost every command. */
export const version = '0.1.0'
