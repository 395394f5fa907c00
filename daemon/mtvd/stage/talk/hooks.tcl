# What is changed in DS9 itself, and how it is put back: dialogs, the end of DS9, and the start.

# A window that the user closed is told apart from one that crashed by a file.
proc ::mtv::closed {} {
    variable closed_mark
    if {$closed_mark ne {}} {catch {close [open $closed_mark w]}}
    ::mtv::events::tell closed closed
    ::mtv::events::flush
    set ::errorInfo {}
}

# While a script of ours runs nobody is there to answer a dialog; all others are the user's, or whose program opened them.
proc ::mtv::modal {name arguments} {
    variable busy
    if {$busy} {return [answer_box $name $arguments]}
    return [uplevel 1 [list ::mtv::$name {*}$arguments]]
}

proc ::mtv::answer_box {name arguments} {
    variable boxes
    if {$name ne {tk_messageBox}} {
        lappend boxes "a dialog was opened ($name)"
        return {}
    }
    array set option {-message {} -type ok}
    array set option $arguments
    lappend boxes $option(-message)
    switch -- $option(-type) {
        yesno - yesnocancel {return no}
        okcancel {return cancel}
        default {return ok}
    }
}

# Each hook leaves here what undoes it.
proc ::mtv::undo {script} {
    variable undone
    set undone [linsert $undone 0 $script]
}

proc ::mtv::hook {directory} {
    variable closed_mark $directory/closed
    variable undone {}
    undo {after cancel $::mtv::info_timer}
    trace add variable ::infobox(object) write ::mtv::name_object
    undo {trace remove variable ::infobox(object) write ::mtv::name_object}
    # first, because it alone may be refused
    talk::install $directory
    foreach name {tk_messageBox FileDialog DialogWait} {
        rename ::$name ::mtv::$name
        proc ::$name {args} [format {uplevel 1 [list ::mtv::modal %s $args]} $name]
        undo "rename ::$name {}; rename ::mtv::$name ::$name"
    }
    rename ::QuitDS9 ::mtv::QuitDS9
    proc ::QuitDS9 {} {
        ::mtv::closed
        ::mtv::QuitDS9
    }
    undo {rename ::QuitDS9 {}; rename ::mtv::QuitDS9 ::QuitDS9}
    events::install $directory/events
    frames::install
    zooms::install
    annotations::install
}

# A DS9 of our own, in the middle of its start.
proc ::mtv::install {directory} {
    if {[info commands ::mtv::tk_messageBox] ne {}} return
    hook $directory
    # nobody answers boxes of the start either, and DS9 never finishes its start behind one
    variable busy 1
    announce $directory
}

# A DS9 that the user runs: its frames and settings are the user's, and everything is put back by release.
proc ::mtv::attach {directory} {
    hook $directory
    foreach name {::pds9(automarker) ::panzoom(preserve) ::marker(preserve)} {
        undo [list set $name [set $name]]
    }
    undo {unset -nocomplain ::mtv_commit}
    prepare
    facts::write $directory
    set file [open $directory/ready w]
    puts -nonewline $file [pid]
    close $file
}

proc ::mtv::release {} {
    variable undone
    foreach script $undone {catch {uplevel #0 $script}}
    set ::errorInfo {}
    namespace delete ::mtv
}

# XPA is served in the middle of DS9's start. So the daemon waits for a file, made a little after the start has ended.
proc ::mtv::announce {directory {left 0}} {
    if {$::ds9(init)} {
        after 20 [list ::mtv::announce $directory]
    } elseif {!$left} {
        after 20 [list ::mtv::announce $directory 1]
    } else {
        ready
        facts::write $directory
        close [open $directory/ready w]
    }
}

proc ::mtv::ready {} {
    # the empty frame that DS9 opens with is nobody's display
    if {$::ds9(frames) eq {Frame1} && ![Frame1 has fits]} {DeleteAllFrames}
    prepare
}

proc ::mtv::prepare {} {
    global pds9 panzoom marker
    set pds9(automarker) 0
    set panzoom(preserve) 1
    set marker(preserve) 1
    events::known
    variable busy 0
    quiet
}
