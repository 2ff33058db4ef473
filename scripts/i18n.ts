/**
 * Compiles messages/*.json to functions in src/lib/i18n/generated. `npm run i18n` runs it alone, the Vite plugin
 * as part of every build. One module a message, so that a screen carries only its own words.
 */
import { compile, type CompilerOptions } from '@inlang/paraglide-js'

export const i18nOptions: CompilerOptions = {
  project: './project.inlang',
  outdir: './src/lib/i18n/generated',
  outputStructure: 'message-modules',
  // src/lib/i18n/language.svelte.ts says which language is spoken.
  strategy: ['globalVariable', 'baseLocale'],
  emitTsDeclarations: true,
  emitGitIgnore: false,
  emitPrettierIgnore: false,
  emitReadme: false,
}

if (import.meta.main) await compile(i18nOptions)
