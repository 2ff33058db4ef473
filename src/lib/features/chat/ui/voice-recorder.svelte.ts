import { systemClock } from '../../../protocol/seams.ts'
import { MAX_VOICE_MS } from '../api.ts'
import { waveformOf } from './waveform.ts'

/** How often the loudness is looked at, in milliseconds. */
const LOOK_EVERY_MS = 50

/** The first that the browser writes: all read both. */
const TYPES = ['audio/webm;codecs=opus', 'audio/mp4']

export interface Recording {
  file: Blob
  durationMs: number
  waveform: Uint8Array
}

/** Why nothing is recorded: the person or the browser does not let the microphone be used, or there is none. */
export type RecordingProblem = 'refused' | 'none' | 'failed'

/** Whether this browser records at all. */
export function canRecord(): boolean {
  return 'MediaRecorder' in globalThis && 'mediaDevices' in navigator
}

/** Records one voice message after another. The microphone is let go of as soon as one ends. */
export class VoiceRecorder {
  /** `asking`: the browser asks whether it may. */
  state = $state.raw<'idle' | 'asking' | 'recording'>('idle')
  problem = $state.raw<RecordingProblem | null>(null)
  elapsedMs = $state.raw(0)
  /** How loud it is now, 0 to 1. */
  level = $state.raw(0)

  #recorder: MediaRecorder | null = null
  #stream: MediaStream | null = null
  #context: AudioContext | null = null
  #levels: number[] = []
  #pieces: Blob[] = []
  #startedAtMs = 0
  #cancelLook: (() => void) | null = null
  #turn = 0

  async start(): Promise<void> {
    if (this.state !== 'idle') return
    this.problem = null
    this.state = 'asking'
    this.#turn += 1
    const turn = this.#turn
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true })
      if (turn !== this.#turn) {
        for (const track of stream.getTracks()) track.stop()
        return
      }
      this.#stream = stream
      this.#begin(stream)
    } catch (error) {
      if (turn !== this.#turn) return
      this.#letGo()
      this.problem = problemOf(error)
    }
  }

  /** What was recorded; null when it was nothing. */
  async finish(): Promise<Recording | null> {
    const recorder = this.#recorder
    if (recorder === null) return null
    const durationMs = Math.min(MAX_VOICE_MS, systemClock.now() - this.#startedAtMs)
    const ended = new Promise((resolve) => {
      recorder.addEventListener('stop', resolve, { once: true })
    })
    if (recorder.state !== 'inactive') {
      recorder.stop()
      await ended
    }
    const file = new Blob(this.#pieces, { type: recorder.mimeType })
    const waveform = waveformOf(this.#levels)
    this.#letGo()
    return file.size === 0 ? null : { file, durationMs, waveform }
  }

  /** Nothing of it stays. */
  cancel(): void {
    this.problem = null
    this.#turn += 1
    this.#letGo()
  }

  #begin(stream: MediaStream): void {
    const type = TYPES.find((each) => MediaRecorder.isTypeSupported(each))
    const recorder = new MediaRecorder(stream, type === undefined ? {} : { mimeType: type })
    recorder.addEventListener('dataavailable', ({ data }) => this.#pieces.push(data))
    const context = new AudioContext()
    const analyser = context.createAnalyser()
    analyser.fftSize = 1_024
    context.createMediaStreamSource(stream).connect(analyser)
    const samples = new Uint8Array(analyser.fftSize)
    this.#recorder = recorder
    this.#context = context
    this.#levels = []
    this.#pieces = []
    this.#startedAtMs = systemClock.now()
    this.elapsedMs = 0
    this.state = 'recording'
    recorder.start(1_000)
    const look = (): void => {
      analyser.getByteTimeDomainData(samples)
      // Silence is 128.
      const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample - 128)), 0)
      this.level = peak / 128
      this.#levels.push(this.level)
      this.elapsedMs = systemClock.now() - this.#startedAtMs
      if (this.elapsedMs >= MAX_VOICE_MS && recorder.state === 'recording') recorder.stop()
      this.#cancelLook = systemClock.after(LOOK_EVERY_MS, look)
    }
    look()
  }

  #letGo(): void {
    this.#cancelLook?.()
    this.#cancelLook = null
    if (this.#recorder?.state === 'recording') this.#recorder.stop()
    for (const track of this.#stream?.getTracks() ?? []) track.stop()
    void this.#context?.close()
    this.#recorder = null
    this.#stream = null
    this.#context = null
    this.level = 0
    this.state = 'idle'
  }
}

function problemOf(error: unknown): RecordingProblem {
  const name = error instanceof Error ? error.name : ''
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'refused'
  return name === 'NotFoundError' ? 'none' : 'failed'
}
