# The user's hand: what is other than it was right after our last batch. DS9's own words of then and now are compared, so
# that its rounding is never an edit. A batch that finds a difference draws nothing and tells it instead; the daemon
# takes it into the scene and sends the batch again.

namespace eval ::mtv::hand {
    variable views {}
    variable frames {}
    variable front {}
    variable report {}
    variable dirty {}
    variable gone {}
    variable before {}
    variable text_max 1000000
    variable numbers {}
    variable ours {}
    variable holes {}
    variable further {}
    variable known 0
}

# The batch

proc ::mtv::hand::begin {} {
    variable report {}
    variable known 0
}

# What the next action is. Those on markers change nothing else of what a frame shows.
proc ::mtv::hand::will {name} {
    variable known
    if {$name ni {markers markers_of unmark user}} {set known 0}
}

proc ::mtv::hand::untouched {} {
    variable report
    if {[catch look]} {
        set report {}
    } else {
        variable known [expr {[llength $report] == 0}]
    }
    set ::errorInfo {}
    return [expr {[llength $report] == 0}]
}

# What is there now is ours, or was told: the batch is sent again, and tells only what is done from now on.
proc ::mtv::hand::end {} {
    catch take
    set ::errorInfo {}
}

proc ::mtv::hand::take {} {
    variable views
    variable frames $::ds9(frames)
    variable front $::current(frame)
    variable dirty
    variable gone
    variable known
    variable ours
    if {$known} {
        foreach which [dict keys $ours] {
            if {[dict get $views $which] ne {}} {dict set views $which markers [count $which]}
        }
    } else {
        # all of them: locked frames follow the one that a batch names
        set views {}
        foreach which $frames {dict set views $which [view $which [known_number $which]]}
    }
    variable ours {}
    set dirty {}
    set gone {}
}

# DS9 counts the markers of a frame one by one (6 ms for 100,000), and each batch asks twice for each frame. Who edits
# them in the window is noticed by the hooks below; their number tells of other programs alone. So it is asked again
# only when fifty times as long has passed as it took, and right after a batch only where the batch has changed it.
proc ::mtv::hand::number {which} {
    variable numbers
    set now [clock microseconds]
    if {[dict exists $numbers $which] && $now < [lindex [dict get $numbers $which] 1]} {
        return [lindex [dict get $numbers $which] 0]
    }
    return [count $which]
}

proc ::mtv::hand::known_number {which} {
    variable numbers
    variable ours
    if {[dict exists $ours $which] || ![dict exists $numbers $which]} {return [count $which]}
    return [lindex [dict get $numbers $which] 0]
}

proc ::mtv::hand::count {which} {
    variable numbers
    set began [clock microseconds]
    set number [$which get marker number]
    set ended [clock microseconds]
    dict set numbers $which [list $number [expr {$ended + 50 * ($ended - $began)}]]
    return $number
}

proc ::mtv::hand::forget {which} {
    variable numbers
    dict unset numbers $which
    drop $which {}
}

# A batch changes the markers of a frame.
proc ::mtv::hand::mark {which} {
    variable ours
    dict set ours $which 1
}

# What a frame shows, in DS9's words; nothing where it has no image. Limits count only where they are the user's.
proc ::mtv::hand::view {which number} {
    if {![$which has fits]} {return {}}
    set limits [$which get clip mode]
    if {$limits eq {user}} {append limits " [$which get clip]"}
    return [list \
        zoom [$which get zoom] rotation [$which get rotate] flip [$which get orient] pan [$which get cursor image fk5] \
        stretch [$which get colorscale] limits $limits \
        colormap "[${which}cb get invert] [${which}cb get name]" \
        transparency [$which get mask transparency] markers $number]
}

proc ::mtv::hand::look {} {
    variable views
    variable frames
    variable front
    variable report
    foreach which $frames {
        if {$which ni $::ds9(frames)} {differs $which deleted}
    }
    foreach which $::ds9(frames) {
        if {$which ni $frames} {
            differs $which made
        } elseif {[set now [view $which [number $which]]] ne [set then [dict get $views $which]]} {
            dict for {name value} $now {
                if {[dict exists $then $name] && [dict get $then $name] ne $value} {differs $which $name $value}
            }
        }
    }
    # where frames blink, DS9 brings one after the other to the front
    if {$::current(frame) ne $front && $::current(frame) ne {} && $::ds9(display) ne {blink}} {
        differs $::current(frame) front
    }
    regions
}

proc ::mtv::hand::differs {which name {value {}}} {
    variable report
    lappend report [list [string range $which 5 end] $name $value]
}

# Lines of an answer.
proc ::mtv::hand::lines {} {
    variable report
    return [lmap one $report {
        lassign $one number name value
        string cat "~ $number $name " [binary encode hex [encoding convertto utf-8 $value]]
    }]
}

# Regions

# Those without a tag of ours are read only where something was done to regions; their number alone may tell of it.
proc ::mtv::hand::regions {} {
    variable report
    variable dirty
    variable gone
    set frames [dict keys $dirty]
    foreach one $report {
        if {[lindex $one 1] eq {markers}} {lappend frames Frame[lindex $one 0]}
    }
    set report [lmap one $report {if {[lindex $one 1] eq {markers}} continue; set one}]
    foreach which [lsort -unique $frames] {
        if {$which ni $::ds9(frames) || ![$which has fits]} continue
        if {[dict exists $gone $which]} {differs $which gone [join [dict get $gone $which] \;]}
        differs $which user [own $which]
    }
}

proc ::mtv::hand::own {which} {
    variable text_max
    set lines [split [::mtv::listed $which physical fk5 100] \n]
    set text [join [lsearch -all -inline -not $lines *tag=?mtv.*] \n]
    if {[string length $text] > $text_max} {return {}}
    return $text
}

# Called by the hooks of events.tcl.
proc ::mtv::hand::did {which} {
    variable dirty
    dict set dirty $which 1
}

proc ::mtv::hand::before {which} {
    variable before {}
    variable holes
    variable further
    if {[dict exists $further $which]} {foreach id [dict get $further $which] {set passed($id) 1}}
    foreach id [lsort -integer [$which get marker id all]] {
        if {[info exists passed($id)]} continue
        set tag [lsearch -inline [$which get marker $id tag] mtv.*]
        if {$tag ne {}} {dict lappend before $tag $id}
    }
    if {[dict exists $holes $which]} {
        dict for {tag ids} [dict get $holes $which] {
            dict lappend before $tag {*}$ids
            dict set before $tag [lsort -integer [dict get $before $tag]]
        }
    }
}

# A region that has no place on the image's sky counts among those of its tag, under an id of which there is nothing.
proc ::mtv::hand::hole {which tag id} {
    variable holes
    set own [expr {[dict exists $holes $which] ? [dict get $holes $which] : {}}]
    dict lappend own $tag $id
    dict set holes $which $own
}

# Further parts of a line that is broken where it has no place do not count.
proc ::mtv::hand::more {which ids} {
    variable further
    dict lappend further $which {*}$ids
}

# Those of a tag go, or all of them.
proc ::mtv::hand::drop {which tag} {
    ::mtv::kept::drop $which $tag
    fill $which $tag
}

# Holes are forgotten: what has no place is drawn again, or not at all.
proc ::mtv::hand::fill {which tag} {
    variable holes
    variable further
    if {$tag eq {}} {
        dict unset holes $which
        dict unset further $which
    } elseif {[dict exists $holes $which]} {
        dict unset holes $which $tag
    }
}

# Numbers of our regions that went, each among those of its tag, in the order in which we had drawn them.
proc ::mtv::hand::after {which} {
    variable before
    variable gone
    variable holes
    did $which
    foreach id [$which get marker id all] {set left($id) 1}
    if {[dict exists $holes $which]} {
        foreach ids [dict values [dict get $holes $which]] {
            foreach id $ids {set left($id) 1}
        }
    }
    dict for {tag ids} $before {
        set index -1
        set missing [lmap id $ids {incr index; if {[info exists left($id)]} continue; set index}]
        if {[llength $missing]} {
            dict lappend gone $which "$tag $missing"
            ::mtv::kept::lose $which $tag $missing
        }
    }
}
