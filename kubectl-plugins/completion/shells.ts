/** The program behind every shell: it prints one candidate a line (`candidate<TAB>description`), then `:` and a number for the shell (4 = no file names). */
const ASK = 'kubectl-mesh __complete';

/** Scripts by shell. Each hands the words of the line to ASK and offers what it answers. */
export const SHELLS: Record<string, string> = {
  bash: `_kubectl_mesh() {
  local line directive=0 candidates=()
  while IFS= read -r line; do
    case $line in
      :*) directive=\${line#:} ;;
      *) candidates+=("\${line%%$'\\t'*}") ;;
    esac
  done < <(${ASK} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY=($(compgen -W "\${candidates[*]}" -- "\${COMP_WORDS[COMP_CWORD]}"))
  if [ \${#COMPREPLY[@]} -eq 0 ] && [ "$directive" != 4 ]; then COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}")); fi
}
complete -F _kubectl_mesh kubectl-mesh
`,
  zsh: `#compdef kubectl-mesh
_kubectl_mesh() {
  local line directive=0
  local -a candidates
  while IFS= read -r line; do
    case $line in
      :*) directive=\${line#:} ;;
      *) candidates+=("\${\${line//:/\\\\:}/$'\\t'/:}") ;;
    esac
  done < <(${ASK} "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe -V 'kubectl mesh' candidates
  if (( $#candidates == 0 )) && [[ $directive != 4 ]]; then _files; fi
}
compdef _kubectl_mesh kubectl-mesh
`,
  fish: `function __kubectl_mesh
  set -l words (commandline -opc) (commandline -ct)
  ${ASK} $words[2..-1] 2>/dev/null | string match -v ':*'
end
complete -c kubectl-mesh -f -a '(__kubectl_mesh)'
`,
  powershell: `Register-ArgumentCompleter -Native -CommandName kubectl-mesh -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($wordToComplete -eq '') { $words += '' }
  ${ASK} @words 2>$null | Where-Object { $_ -notlike ':*' } | ForEach-Object {
    $name, $text = $_ -split "\`t", 2
    if (-not $text) { $text = $name }
    [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $text)
  }
}
`,
  kubectl: `#!/bin/sh
exec ${ASK} "$@"
`,
};
