/**
 * The rooms of docs/ARCHITECTURE.md, and who may look into which.
 *
 * A rule says where files of a room may import from; what it does not name is refused. Packages of npm and
 * Node's own modules are left to each room's tsconfig.
 */
const slice = 'src/lib/features/[^/]+'

/** What a tab may know of a slice: its calls, its errors and its interface. */
const tabSide = [`^${slice}/(api|errors)\\.ts$`, `^${slice}/ui/`]

/** Files of the project outside these places are refused to files in `from`. */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from,
  to: {
    path: ['^src/', '^relay-node/', '^peer-node/', '^tests/', '^scripts/'],
    pathNot: allowed,
  },
})

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circles',
      comment: 'Types may refer to each other; code that needs itself has no first line.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'everything-resolves',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: ['^virtual:', '\\?'] },
    },
    {
      name: 'no-undeclared-packages',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    only('protocol-stands-alone', { path: '^src/lib/protocol/' }, ['^src/lib/protocol/']),
    only('rpc', { path: '^src/lib/rpc/' }, ['^src/lib/(rpc|protocol)/']),
    only('crypto', { path: '^src/lib/crypto/' }, ['^src/lib/(crypto|protocol)/', '^src/lib/db/']),
    only('db', { path: '^src/lib/db/' }, ['^src/lib/(db|protocol)/']),
    only('p2p', { path: '^src/lib/p2p/' }, ['^src/lib/(p2p|crypto|db|protocol)/']),
    only('delivery', { path: '^src/lib/delivery/' }, [
      '^src/lib/(delivery|p2p|crypto|db|protocol)/',
    ]),
    only('content', { path: '^src/lib/content/' }, ['^src/lib/(content|p2p|crypto|db|protocol)/']),
    only('a-slice-below-its-interface', { path: `^${slice}/`, pathNot: `^${slice}/ui/` }, [
      `^${slice}/`,
      '^src/lib/(content|delivery|p2p|crypto|db|rpc|protocol)/',
    ]),
    only('a-slice-interface', { path: `^${slice}/ui/` }, [
      ...tabSide,
      '^src/lib/(ui|client|i18n|protocol)/',
      '^src/lib/rpc/api\\.ts$',
    ]),
    {
      name: 'slices-do-not-import-each-other',
      comment: 'One that needs another receives it as a component, typed from its api.ts.',
      severity: 'error',
      from: { path: '^src/lib/features/([^/]+)/', pathNot: '/ui/' },
      to: {
        path: '^src/lib/features/',
        pathNot: ['^src/lib/features/$1/', `^${slice}/api\\.ts$`],
      },
    },
    {
      name: 'a-slice-takes-types-of-another',
      severity: 'error',
      from: { path: '^src/lib/features/([^/]+)/', pathNot: '/ui/' },
      to: {
        path: `^${slice}/api\\.ts$`,
        pathNot: '^src/lib/features/$1/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'slice-interfaces-do-not-import-each-other',
      severity: 'error',
      from: { path: '^src/lib/features/([^/]+)/ui/' },
      to: {
        path: '^src/lib/features/',
        pathNot: ['^src/lib/features/$1/', `^${slice}/(api|errors)\\.ts$`],
      },
    },
    only('ui-knows-no-feature', { path: '^src/lib/ui/' }, ['^src/lib/(ui|i18n)/']),
    only('i18n-stands-alone', { path: '^src/lib/i18n/' }, ['^src/lib/i18n/']),
    only('client', { path: '^src/lib/client/', pathNot: '^src/lib/client/contract\\.ts$' }, [
      '^src/lib/(client|rpc|protocol|i18n)/',
      ...tabSide,
      // The worker's entry, for its address only.
      '^src/workers/node\\.worker\\.ts$',
    ]),
    only('routes', { path: '^src/(routes/|main\\.ts$)' }, [
      '^src/(routes|main\\.ts)',
      '^src/lib/(ui|client|i18n|protocol)/',
      '^src/lib/rpc/api\\.ts$',
      ...tabSide,
    ]),
    only(
      'workers-show-nothing',
      { path: '^src/workers/', pathNot: '/(push|downloads|handover)\\.ts$' },
      [
        '^src/workers/',
        '^src/lib/(content|delivery|p2p|crypto|db|rpc|protocol)/',
        '^src/lib/client/contract\\.ts$',
        `^${slice}/[^/]+\\.ts$`,
      ],
    ),
    only('but-that-something-came', { path: '^src/workers/push\\.ts$' }, [
      '^src/lib/i18n/',
      '^src/lib/features/notifications/ui/(push-messages|shelf-lock)\\.ts$',
    ]),
    only('or-goes-to-the-downloads', { path: '^src/workers/downloads\\.ts$' }, [
      '^src/lib/ui/download-messages\\.ts$',
    ]),
    only('or-comes-from-another-app', { path: '^src/workers/handover\\.ts$' }, [
      '^src/lib/ui/handover-messages\\.ts$',
    ]),
    only('relay', { path: '^relay-node/', pathNot: '^relay-node/src/(copies|assist)/' }, [
      '^relay-node/',
      '^src/lib/protocol/',
      `^${slice}/protocol\\.ts$`,
    ]),
    only('a-relay-opens-what-is-sealed-for-it', { path: '^relay-node/src/assist/' }, [
      '^relay-node/',
      '^src/lib/protocol/',
      '^src/lib/crypto/(relay-seal|errors)\\.ts$',
    ]),
    only('a-relay-keeps-copies-as-a-peer', { path: '^relay-node/src/copies/' }, [
      '^relay-node/',
      '^src/lib/(content|p2p|crypto|protocol)/',
      '^peer-node/src/store/file-parts\\.ts$',
    ]),
    only('peer', { path: '^peer-node/' }, [
      '^peer-node/',
      '^src/workers/starling\\.ts$',
      '^src/lib/(content|p2p|crypto|db|protocol)/',
      // A program asks as a tab does, and reads cards as the slice does.
      `^${slice}/(api|errors)\\.ts$`,
      '^src/lib/features/contacts/code\\.ts$',
      // One that relays for others has a relay.
      '^relay-node/src/(config|greeting|relay)\\.ts$',
      // What the vault keeps its key in.
      '^src/lib/features/vault/store\\.ts$',
    ]),
    {
      name: 'product-without-tests',
      severity: 'error',
      from: { path: '^(src|relay-node|peer-node)/' },
      to: { path: ['^tests/', '^scripts/'] },
    },
    {
      name: 'no-dev-packages-in-node',
      severity: 'error',
      from: { path: '^(relay|peer)-node/' },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', 'src/lib/i18n/generated'] },
    exclude: { path: ['^dist/', '\\.(css|svg|woff2)$'] },
    tsPreCompilationDeps: true,
    detectProcessBuiltinModuleCalls: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['svelte', 'browser', 'import', 'types', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.svelte', '.d.ts'],
    },
  },
}
