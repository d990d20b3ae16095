/** Command lines that ask for what there is not, and what is said to them. `good.yaml` is a good file, `folder/` a folder. */
export const misuses: readonly [argv: string[], says: string][] = [
  [['chekc'], 'no command is called "chekc"\n  did you mean "check"?\n'],
  [['dance'], 'no command is called "dance"\n  known: run, check, schema, components, version, help\n'],
  [['thalamus.yaml'], 'no command is called "thalamus.yaml"\n  to run that file: thalamus --config thalamus.yaml\n'],
  [['--confg', 'x'], 'unknown flag --confg\n  did you mean --config?\n'],
  [['check', '--forwrd=x'], 'unknown flag --forwrd\n  did you mean --forward?\n'],
  [['--zzz'], 'unknown flag --zzz\n  known: --config, --set, --forward, --listen, --print-config, --help\n'],
  [['-x'], 'unknown flag -x\n  known: --config, --set, --forward, --listen, --print-config, --help\n'],
  [['--config'], '--config needs a value\n  write --config FILE\n'],
  [['--config', '--print-config'], '--config needs a value\n  write --config FILE\n'],
  [['--set='], '--set needs a value\n  write --set key.path=value\n'],
  [['--print-config=yes'], '--print-config takes no value\n  write --print-config alone\n'],
  [['version', 'now'], 'version takes no "now"\n  see: thalamus version --help\n'],
  [['check'], 'check needs a file\n  write thalamus check FILE\n'],
  [['help', 'chekc'], 'no command is called "chekc"\n  did you mean "check"?\n'],
  [['--config', 'no.yaml'], 'no.yaml: there is no such file\n  check the path, or run without --config for the default configuration\n'],
  [['--config', 'folder/'], 'folder/: this is a folder\n  name the files in it, each with --config\n'],
  [
    ['--config', 'good.yaml', '--listen', '::'],
    '--listen changes the default configuration only\n  set the endpoints in the file, or with --set\n',
  ],
]
