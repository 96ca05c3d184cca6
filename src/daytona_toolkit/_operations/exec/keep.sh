# shellcheck shell=sh
# keep: write down the folder and the exported variables with which a command ends, as `sh` that
# sets them. The next command of the same shell begins with these.
#
# It lies in the job's folder and runs from the EXIT trap of the command's own shell, as a child of
# it, so whatever that exports is here. In `names` it finds lines: the state so far, the file with
# the names of what is exported without any (both in our folder, whose own name may have newlines),
# a PATH with tools, names of what each command is given anew and its shell does not keep, and those
# of the secrets among them. It leaves `after`, the new state, and `cwd`; they are whole once `kept`
# is there. Its variables have long names, because all others may be the command's.

# is_kept NAME: it can be a variable, and is neither ours nor the shell's own.
is_kept() {
    case $1 in
    *[!A-Za-z0-9_]* | [0-9]* | daytona_toolkit_* | DAYTONA_TOOLKIT_*) return 1 ;;
    _ | SHLVL | PPID | UID | EUID | SHELLOPTS | BASHOPTS | BASH_*) return 1 ;;
    esac
}

# write_quoted TEXT: split at its quotes. To cut off one part after the other takes dash a time that
# grows with the square of their lengths: half a minute for 100 KB.
write_quoted() {
    case $1 in
    *\'*) ;;
    *)
        printf %s "$1"
        return
        ;;
    esac
    (
        IFS=\'
        # shellcheck disable=SC2086 # the dot keeps a quote at the end
        set -- $1.
        daytona_toolkit_left=$#
        for daytona_toolkit_part; do
            daytona_toolkit_left=$((daytona_toolkit_left - 1))
            if [ "$daytona_toolkit_left" = 0 ]; then
                printf %s "${daytona_toolkit_part%.}"
            else
                printf "%s'\\\\''" "$daytona_toolkit_part"
            fi || exit
        done
    )
}

# write_state SECRET...: what went, and what is there, without the values of secrets.
write_state() {
    for daytona_toolkit_name in $daytona_toolkit_begun; do
        is_kept "$daytona_toolkit_name" || continue
        eval "[ -n \"\${$daytona_toolkit_name+x}\" ]" || echo "unset $daytona_toolkit_name" || return
    done
    for daytona_toolkit_name in $(PATH=$daytona_toolkit_path && exported); do
        is_kept "$daytona_toolkit_name" || continue
        eval "daytona_toolkit_value=\${$daytona_toolkit_name-}"
        for daytona_toolkit_secret; do
            case $daytona_toolkit_value in *"$daytona_toolkit_secret"*) continue 2 ;; esac
        done
        printf "export %s='" "$daytona_toolkit_name" || return
        write_quoted "$daytona_toolkit_value" && echo "'" || return
    done
}

# exported: the names of what is. A newline in a value must not look like another variable.
exported() { env -0 | tr '\n\0' ' \n' | cut -d= -f1; }

set -f
daytona_toolkit_job=${0%.*}
daytona_toolkit_folder=${0%/*}
{
    IFS= read -r daytona_toolkit_state
    IFS= read -r daytona_toolkit_base
    IFS= read -r daytona_toolkit_path
    read -r daytona_toolkit_given
    read -r daytona_toolkit_secrets
} <"$daytona_toolkit_job.names"
read -r daytona_toolkit_begun <"$daytona_toolkit_folder/$daytona_toolkit_base"
set --
for daytona_toolkit_name in $daytona_toolkit_secrets; do
    eval "set -- \"\$@\" \"\${$daytona_toolkit_name:-/unset/}\""
done
# What is given to one command hides what its shell has of that name.
for daytona_toolkit_name in $daytona_toolkit_given; do
    unset "$daytona_toolkit_name"
    daytona_toolkit_value=$(
        # shellcheck disable=SC1090 # it is made at run time
        . "$daytona_toolkit_folder/$daytona_toolkit_state"
        eval "printf '%s.' \"\${$daytona_toolkit_name?}\""
    ) && export "$daytona_toolkit_name=${daytona_toolkit_value%.}"
done
# A shell that begins in a folder that was removed does not know its name.
export PWD="${daytona_toolkit_pwd:-$PWD}"
write_state "$@" >"$daytona_toolkit_job.after" &&
    printf %s "$PWD" >"$daytona_toolkit_job.cwd" &&
    true >"$daytona_toolkit_job.kept"
