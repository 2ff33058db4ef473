/** The name of a backup file made at this time: days sort by their names. */
export function backupName(atMs: number): string {
  const at = new Date(atMs)
  const two = (number: number): string => String(number).padStart(2, '0')
  return `Starling ${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}.starling-backup`
}
