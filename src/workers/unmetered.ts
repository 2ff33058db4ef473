/** The part of the Network Information API that not every browser has. */
interface Connection {
  readonly type?: string
  readonly saveData?: boolean
}

/** Whether bytes cost nothing now, as far as the browser tells: one that tells nothing is taken to be at home. */
export function unmetered(navigator: object): () => boolean {
  return () => {
    const { type, saveData } = (navigator as { connection?: Connection }).connection ?? {}
    return type !== 'cellular' && saveData !== true
  }
}
