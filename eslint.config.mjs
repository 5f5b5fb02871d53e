// The linter of JavaScript (.pre-commit-config.yaml). Nothing is imported, so it needs no package
// but eslint itself.

const names = (text) => Object.fromEntries(text.split(" ").map((name) => [name, "readonly"]));
const rules = Object.fromEntries(
  [
    ...["no-undef", "no-unused-vars", "no-redeclare", "no-dupe-keys", "no-unreachable"],
    ...["no-cond-assign", "no-constant-condition", "no-fallthrough", "for-direction"],
    ...["no-implied-eval", "no-eval", "use-isnan", "valid-typeof", "no-var", "prefer-const"],
    "eqeqeq",
  ].map((name) => [name, "error"]),
);

export default [
  {
    files: ["**/*.js", "**/*.mjs"],
    languageOptions: {
      ecmaVersion: 2022,
      globals: names(
        "document window navigator location localStorage console URL Blob TextDecoder atob btoa " +
          "setTimeout clearTimeout requestAnimationFrame getComputedStyle matchMedia " +
          "addEventListener ResizeObserver HTMLElement Event BroadcastChannel indexedDB IDBKeyRange " +
          "Buffer process globalThis structuredClone",
      ),
    },
    rules,
  },
];
