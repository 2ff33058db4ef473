// Plain JavaScript that any Node can read: it runs before anything else and says what is wrong.
// The project brings its own Node (the npm package `node`); npm puts it first on the PATH of every script.
const NEEDED = 24
const major = Number(process.versions.node.split('.')[0])

if (major < NEEDED) {
  process.stderr.write(
    `Starling needs Node ${NEEDED} and this is ${process.version}.\n` +
      `It comes with the project: run "npm ci" (npm 11 or 12) and then "npm start" or "npm test".\n` +
      `If you did, your npm did not run the install script of the package "node": try "npm rebuild node".\n`,
  )
  process.exit(1)
}
