/**
 * Each asks `millrace __complete -- WORDS`, the last word being the one that is completed, and gets candidates, a line each: the word, a tab, what
 * it is. A last line `:files` says that names of files may stand there too.
 */
const bash = `# millrace: completion for bash
_millrace_completion() {
  local current="\${COMP_WORDS[COMP_CWORD]}" line
  COMPREPLY=()
  # = and : cut words for bash, not for us
  if declare -F _get_comp_words_by_ref >/dev/null; then
    local cword words
    _get_comp_words_by_ref -n "=:" current cword words
  else
    local words=("\${COMP_WORDS[@]}") cword="$COMP_CWORD"
  fi
  while IFS= read -r line; do
    if [[ "$line" == ":files" ]]; then
      compopt -o filenames 2>/dev/null
      local file
      while IFS= read -r file; do COMPREPLY+=("$file"); done < <(compgen -f -- "$current")
    else
      COMPREPLY+=("\${line%%$'\\t'*}")
    fi
  done < <("\${words[0]}" __complete -- "\${words[@]:1:cword}" 2>/dev/null)
  if [[ "\${#COMPREPLY[@]}" -eq 1 && "\${COMPREPLY[0]}" == */ ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -F _millrace_completion millrace`

const zsh = `#compdef millrace
# millrace: completion for zsh
_millrace() {
  local -a candidates
  local line files=0
  while IFS= read -r line; do
    if [[ "$line" == ":files" ]]; then
      files=1
    else
      local word="\${line%%$'\\t'*}" about=""
      [[ "$line" == *$'\\t'* ]] && about="\${line#*$'\\t'}"
      candidates+=("\${word//:/\\\\:}\${about:+:$about}")
    fi
  done < <("\${words[1]}" __complete -- "\${(@)words[2,$CURRENT]}" 2>/dev/null)
  (( \${#candidates} )) && _describe 'millrace' candidates
  (( files )) && _files
}
if [[ "$funcstack[1]" == "_millrace" ]]; then _millrace "$@"; else compdef _millrace millrace; fi`

const fish = `# millrace: completion for fish
function __millrace_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  for line in ($words[1] __complete -- $words[2..-1] $current 2>/dev/null)
    if test "$line" = ":files"
      __fish_complete_path $current
    else
      echo $line
    end
  end
end
complete -c millrace -f -a '(__millrace_complete)'`

export const scripts = { bash, zsh, fish } as const
