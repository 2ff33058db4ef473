import { yamux } from '@chainsafe/libp2p-yamux'

type CreateYamux = ReturnType<typeof yamux>

/**
 * yamux (8.0) that throws nothing where nobody can catch it.
 *
 * It announces a new stream in a microtask, and says goodbye in an event. When the connection takes no more bytes by then, and
 * has not said so yet, that throws, and a process ends by it. Here the connection ends, of which everybody is told.
 */
export function steadyYamux(init?: Parameters<typeof yamux>[0]): CreateYamux {
  const create = yamux(init)
  return () => {
    const factory = create()
    return {
      protocol: factory.protocol,
      createStreamMuxer(connection) {
        const muxer = factory.createStreamMuxer(connection)
        const send = muxer.send.bind(muxer)
        muxer.send = (data) => {
          try {
            return send(data)
          } catch (error) {
            // One that is closing sends what it has first.
            queueMicrotask(() => {
              if (connection.status === 'open') connection.abort(error as Error)
            })
            return false
          }
        }
        return muxer
      },
    }
  }
}
