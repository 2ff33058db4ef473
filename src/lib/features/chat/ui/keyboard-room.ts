import type { Attachment } from 'svelte/attachments'

/**
 * Keeps the end of an element above the on-screen keyboard where the browser lays the keyboard over the page (iOS;
 * elsewhere `interactive-widget=resizes-content` makes the page itself smaller and the room is 0).
 */
export const keyboardRoom: Attachment<HTMLElement> = (element) => {
  const visible = window.visualViewport
  if (!visible) return
  const fit = () => {
    // Zoomed in by two fingers the visible part is smaller too, and no keyboard is the reason.
    const coveredPx =
      visible.scale > 1.01 ? 0 : window.innerHeight - visible.height - visible.offsetTop
    element.style.setProperty('--keyboard-room', `${Math.max(0, Math.round(coveredPx))}px`)
  }
  fit()
  visible.addEventListener('resize', fit)
  visible.addEventListener('scroll', fit)
  return () => {
    visible.removeEventListener('resize', fit)
    visible.removeEventListener('scroll', fit)
  }
}
