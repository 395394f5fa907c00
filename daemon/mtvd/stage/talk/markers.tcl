# Actions on markers. Those that have no place on the image's sky are left out, and counted.
#
# Their kind is 1 for lines, which are broken where they have no place, "shapes" for regions of any shape, else 0.

proc ::mtv::do::markers_of {number path args} {
    set file [open $path]
    set code [catch {read $file} text]
    close $file
    if {$code} {error $text}
    markers $number $text {*}$args
}

# A text of regions of a kind; sizes are the least and the most radius of its markers, 0 where they are exact.
proc ::mtv::do::markers {number text {kind 0} {least 0} {most 0}} {
    variable ::mtv::unreached
    set which [::mtv::frame $number]
    # markers need an image; the planner sends them again with the first one
    if {![$which has fits]} return
    ::mtv::hand::mark $which
    set left_out [::mtv::put $which [::mtv::kept::add $which $text $kind $least $most] $kind]
    if {$left_out ne {}} {lappend unreached [list {*}$::mtv::place $left_out]}
}

# The number of those that have no place; nothing where all have one.
proc ::mtv::put {which text kind} {
    if {$kind eq {1} && ![reaches $which $text]} {return [draw_broken $which $text]}
    if {$kind eq {shapes}} {set text [placed $which $text]}
    draw $which $text
    if {[string match "Bad Coordinate mapping*" $::ds9(msg)] && [$which has wcs celestial wcs]} {
        return [count_unreached $which $text]
    }
}

# The result is the ids of the regions, one after the other without blanks.
proc ::mtv::draw {which text} {
    set ::mtv_regions $text
    set code [catch {$which marker command ds9 var mtv_regions} message]
    unset ::mtv_regions
    if {$code} {error $message}
    return $message
}

# Ids of the regions that were drawn last, so many of them, each with 1 or, where one was not made, 0: its id is taken all
# the same.
proc ::mtv::drawn {which count} {
    quiet
    set next [draw $which "image\npoint(1,1)\n"]
    $which marker $next delete
    foreach id [$which get marker id all] {set there($id) 1}
    set ids {}
    for {set id [expr {$next - $count}]} {$id < $next} {incr id} {
        lappend ids $id [info exists there($id)]
    }
    return $ids
}

# Regions that the projection does not reach were left out by DS9, which tells no more than that.
proc ::mtv::count_unreached {which text} {
    set tags [lmap {-> tag} [regexp -all -inline {tag="(mtv\.[0-9a-f]+)"\n} $text] {set tag}]
    set count 0
    foreach {id made} [drawn $which [llength $tags]] tag $tags {
        if {$made} continue
        incr count
        hand::hole $which $tag $id
    }
    return $count
}

# DS9 says nothing of a vertex that the projection does not reach, and puts it at the origin. Asked as points it tells.
proc ::mtv::reaches {which text} {
    if {![string match icrs* $text] || ![$which has wcs celestial wcs]} {return 1}
    set points {}
    foreach {-> numbers} [regexp -all -inline {segment\(([^)]*)\)} $text] {
        foreach {x y} [split $numbers ,] {append points "point($x,$y)\n"}
    }
    draw $which "icrs\n$points"
    set reached [expr {$::ds9(msg) eq {}}]
    foreach {id made} [drawn $which [regexp -all point $points]] {
        if {$made} {$which marker $id delete}
    }
    return $reached
}

# Regions with many vertices, of which one has no place, become a point there: that has none either, and is counted.
proc ::mtv::placed {which text} {
    if {![$which has wcs celestial wcs]} {return $text}
    set vertices {}
    set rows [split $text \n]
    set index -1
    foreach row $rows {
        incr index
        if {$row in {physical image icrs fk5 fk4 galactic ecliptic}} {
            set system $row
        } elseif {$system ni {physical image} && [regexp {^-?(?:polygon|line|segment)\(([^)]*)\) # (.*)$} $row -> numbers tail]} {
            lappend vertices $index $system [split $numbers ,] $tail
        }
    }
    set all {}
    foreach {index system numbers tail} $vertices {append all [points $system $numbers]}
    if {[reaches_all $which $all]} {return $text}
    foreach {index system numbers tail} $vertices {
        if {[reaches_all $which [points $system $numbers]]} continue
        foreach {x y} $numbers {
            if {[reaches_all $which [points $system [list $x $y]]]} continue
            lset rows $index "point($x,$y) # [regsub {^line=. . } $tail {}]"
            break
        }
    }
    return [join $rows \n]
}

proc ::mtv::points {system numbers} {
    set text $system\n
    foreach {x y} $numbers {append text "point($x,$y) # tag={mtv.test}\n"}
    return $text
}

# Whether points all have a place; they are gone again then.
proc ::mtv::reaches_all {which points} {
    if {$points eq {}} {return 1}
    draw $which $points
    set reached [expr {$::ds9(msg) eq {}}]
    $which marker mtv.test delete
    quiet
    return $reached
}

# A line is broken where it has no place.
proc ::mtv::draw_broken {which text} {
    set left_out 0
    set colour {}
    foreach row [lassign [split [string trimright $text \n] \n] system] {
        if {[string match global* $row]} {
            set colour $row
            continue
        }
        set ids [lmap piece [pieces $which $system $row left_out] {draw $which "$system\n$colour\n$piece\n"}]
        if {[llength $ids]} {
            hand::more $which [lrange $ids 1 end]
        } elseif {[regexp {tag="(mtv\.[0-9a-f]+)"} $row -> tag]} {
            hand::hole $which $tag [lindex [drawn $which 1] 0]
        }
    }
    return $left_out
}

# The parts of a line between the vertices that have no place; what is not drawn of them is counted.
proc ::mtv::pieces {which system row counter} {
    upvar 1 $counter left_out
    regexp {^(\w+)\(([^)]*)\)(.*)$} $row -> shape numbers tail
    set found {}
    set piece {}
    foreach {x y} [list {*}[split $numbers ,] {} {}] {
        set id {}
        if {$x ne {}} {set id [draw $which "$system\npoint($x,$y)\n"]}
        set reached [expr {$x ne {} && $::ds9(msg) eq {}}]
        quiet
        if {$id ne {}} {$which marker $id delete}
        if {$reached} {
            lappend piece $x $y
            continue
        }
        incr left_out [expr {$x ne {}}]
        if {[llength $piece] > 2} {
            lappend found "${shape}([join $piece ,])$tail"
        } elseif {[llength $piece]} {
            incr left_out
        }
        set piece {}
    }
    return $found
}

proc ::mtv::do::unmark {number tag} {
    set which [::mtv::frame $number]
    ::mtv::hand::mark $which
    ::mtv::hand::drop $which $tag
    if {$tag eq {}} {$which marker delete all} else {$which marker $tag delete}
}

# Regions that the user has drawn, in place of those that are there.
proc ::mtv::do::user {number text} {
    set which [::mtv::frame $number]
    ::mtv::hand::mark $which
    foreach id [$which get marker id all] {
        if {![string match *mtv.* [$which get marker $id tag]]} {$which marker $id delete}
    }
    if {$text ne {}} {markers $number $text}
}

# Reading, outside of batches. A region with a font that DS9 could not read ends it when it is written down: such ones have
# no font to ask for, and the others are listed as if they alone were selected. DS9 looks for each region from the first
# on, 5 ms among 100,000; so the newest are looked at, for no longer than so many milliseconds.

proc ::mtv::list_regions {number path systems ours} {
    set which [frame $number]
    set text {}
    if {[$which has fits]} {
        lassign $systems system sky
        if {$system eq {wcs} && ![$which has wcs celestial wcs]} {return {no sky}}
        set text [listed $which $system $sky 500]
        if {!$ours} {set text [join [lsearch -all -inline -not [split $text \n] *tag=?mtv.*] \n]}
    }
    set file [open $path w 0600]
    fconfigure $file -encoding utf-8 -translation lf
    set code [catch {puts -nonewline $file $text} message]
    close $file
    if {$code} {error $message}
    return {}
}

proc ::mtv::listed {which system sky within_ms} {
    set unwritable [unwritable $which $within_ms]
    if {![llength $unwritable]} {return [$which marker list ds9 $system $sky degrees no]}
    set selected [$which get marker select]
    $which marker select all
    foreach id $unwritable {$which marker $id unselect}
    set code [catch {$which marker list select ds9 $system $sky degrees no} text]
    $which marker unselect all
    foreach id $selected {$which marker $id select}
    quiet
    if {$code} {error $text}
    return "$text\n# unwritable [llength $unwritable]\n"
}

proc ::mtv::unwritable {which within_ms} {
    set found {}
    set end [expr {[clock milliseconds] + $within_ms}]
    foreach id [lreverse [$which get marker id all]] {
        if {[is_unwritable $which $id]} {lappend found $id}
        if {[clock milliseconds] > $end} break
    }
    return $found
}

proc ::mtv::is_unwritable {which id} {
    return [expr {[$which get marker $id font] eq {}}]
}
