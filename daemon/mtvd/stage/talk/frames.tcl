# How frames come and go. DS9 has each new frame read 46 files of colour maps, and for each that comes or goes it lays all
# of them out anew, so that every colour bar is drawn again: with 45 tiles 76 ms, and 75 for the redraw (DS9 8.4.1). Here
# colour maps are read when somebody asks for one, and only the tiles whose places change are touched: 12 ms and 5.

namespace eval ::mtv::frames {
    variable making 0
    variable maps {}
    # of tiles, where somebody has asked for so many; 0 where DS9 chooses
    variable columns 0
    # whether only some frames are shown that somebody has asked for
    variable chosen 0
}

# Procedures of DS9 that are wrapped here keep their words in a namespace of their own: what they call is DS9's.
namespace eval ::mtv::ds9 {}

proc ::mtv::frames::install {} {
    ::mtv::undo ::mtv::frames::uninstall
    rename ::DisplayMode ::mtv::ds9::DisplayMode
    proc ::DisplayMode {} {if {!$::mtv::frames::making} ::mtv::frames::lay_out}
    # until DS9 8.6 with the files' extension, from 8.7 on without
    if {[info args ::CreateColorbarExternal] in {{which frame ext} {which group}}} {
        rename ::CreateColorbarExternal ::mtv::ds9::CreateColorbarExternal
        proc ::CreateColorbarExternal {which args} {::mtv::frames::external $which $args}
    }
}

proc ::mtv::frames::uninstall {} {
    variable maps
    use_columns 0
    foreach bar [dict keys $maps] {read_maps $bar}
    foreach name {DisplayMode CreateColorbarExternal} {
        if {[info commands ::mtv::ds9::$name] ne {}} {
            rename ::$name {}
            rename ::mtv::ds9::$name ::$name
        }
    }
}

# Run a body that makes or deletes frames, without the layout that DS9 has follow.
proc ::mtv::frames::unplaced {body} {
    variable making 1
    set code [catch {uplevel 1 $body} result options]
    set making 0
    return -options $options $result
}

# A new frame behind the others; where there is none it is in front.
proc ::mtv::frames::make {which} {
    global ds9 current
    set front [list $current(frame) $current(colorbar)]
    set old [known_tiling]
    unplaced {CreateNameNumberFrame $which base}
    if {[lindex $front 0] ne {}} {lassign $front current(frame) current(colorbar)}
    if {$old ne {} && $which eq [lindex $ds9(active) end] && [tiling] eq $old} {
        place $which [lindex $old 0] [expr {[llength $ds9(active)] - 1}]
    } else {
        DisplayMode
    }
}

# The one in front is followed by another, and all must be laid out.
proc ::mtv::frames::delete {which} {
    global ds9 current
    set old [expr {$which eq $current(frame) ? {} : [known_tiling]}]
    set first [lsearch -exact $ds9(active) $which]
    unplaced {DeleteSingleFrame $which}
    if {$old ne {} && $first >= 0 && [tiling] eq $old} {
        foreach other [lrange $ds9(active) $first end] {
            if {[box_of $other] ne [box [lindex $old 0] $first]} {place $other [lindex $old 0] $first}
            incr first
        }
    } else {
        DisplayMode
    }
}

# Layout

proc ::mtv::frames::lay_out {} {
    suit_rows
    ::mtv::ds9::DisplayMode
}

# Have frames come first, in this order, and hide all others if only they are chosen; whether that changes anything. Frames
# that the user has hidden stay so unless others were chosen before.
proc ::mtv::frames::choose {numbers only} {
    global active current ds9
    variable chosen
    set first [lmap number $numbers {set which Frame$number; if {$which ni $ds9(frames)} continue; set which}]
    set order $first
    foreach which $ds9(frames) {if {$which ni $first} {lappend order $which}}
    set changed [expr {$order ne $ds9(frames)}]
    set ds9(frames) $order
    foreach which $ds9(frames) {
        set is [expr {$only ? $which in $first : $chosen || $active($which)}]
        if {$active($which) != $is} {set active($which) $is; set changed 1}
    }
    set chosen $only
    if {!$changed} {return 0}
    UpdateFrameMenuItems
    # it lays out all frames; that is done once, by whoever called
    unplaced UpdateActiveFrames
    return 1
}

# Bring a frame to the front for a picture; what this returns is for give_back, which hides it again where others are chosen.
proc ::mtv::frames::borrow {number} {
    variable chosen
    set which [::mtv::frame $number]
    set hidden [expr {$chosen && !$::active($which) ? [list $which $::current(frame)] : {}}]
    ::mtv::do::raise $number
    return $hidden
}

proc ::mtv::frames::give_back {hidden} {
    if {$hidden eq {}} return
    lassign $hidden which front
    set ::active($which) 0
    if {$::active($front)} {set ::current(frame) $front; set ::current(colorbar) ${front}cb}
    UpdateActiveFrames
    GotoFrame $::current(frame)
}

# While a picture is taken frames do not follow each other.
proc ::mtv::frames::hold_blinking {} {
    global iblink
    if {$::ds9(display) ne {blink} || $iblink(id) eq {0}} {return 0}
    after cancel $iblink(id)
    return 1
}

proc ::mtv::frames::blink_again {held} {
    if {$held && $::ds9(display) eq {blink}} {set ::iblink(id) [after $::blink(interval) ::BlinkTimer]}
}

# Whether tiles have other columns than before.
proc ::mtv::frames::use_columns {wanted} {
    global tile
    variable columns
    if {$wanted == $columns} {return 0}
    set columns $wanted
    set tile(mode) grid
    set tile(grid,mode) [expr {$wanted ? {manual} : {automatic}}]
    suit_rows
    return 1
}

proc ::mtv::frames::suit_rows {} {
    global ds9 tile
    variable columns
    set count [llength $ds9(active)]
    if {!$columns || !$count} return
    set tile(grid,col) [expr {min($columns, $count)}]
    set tile(grid,row) [expr {($count + $tile(grid,col) - 1) / $tile(grid,col)}]
}

# What the places of frames depend on; nothing where all of them must be laid out by DS9.
proc ::mtv::frames::tiling {} {
    global ds9 current tile view
    set count [llength $ds9(active)]
    if {!$count || $view(graph,horz) || $view(graph,vert)} return
    if {$current(display) ne $ds9(display)} return
    switch -- $ds9(display) {
        single {set numbers {1 1}}
        tile {set numbers [columns_and_rows $count]}
        default return
    }
    if {$ds9(display) eq {tile} && ($count < 2 || !$view(multi) || $count > [::tcl::mathop::* {*}$numbers])} return
    return [list $numbers $ds9(display)]
}

# Nothing also where frames do not lie as is thought here: another release of DS9 may have its own way.
proc ::mtv::frames::known_tiling {} {
    set active $::ds9(active)
    set tiling [tiling]
    if {$tiling eq {} || [box_of [lindex $active end]] ne [box [lindex $tiling 0] [expr {[llength $active] - 1}]]} return
    return $tiling
}

proc ::mtv::frames::columns_and_rows {count} {
    global tile
    switch -- $tile(mode) {
        row {return [list 1 $count]}
        column {return [list $count 1]}
    }
    suit_rows
    if {$tile(grid,mode) eq {manual}} {return [list $tile(grid,col) $tile(grid,row)]}
    return [list [expr {int(sqrt($count - 1)) + 1}] [expr {int(sqrt($count) + .5)}]]
}

# Place and size of a tile with its colour bar, in screen pixels.
proc ::mtv::frames::tile {numbers index} {
    global ds9 tile
    set canvas $ds9(canvas)
    if {$ds9(display) eq {single}} {return [list 0 0 [winfo width $canvas] [winfo height $canvas]]}
    lassign $numbers columns rows
    set gap $tile(grid,gap)
    set width [expr {([winfo width $canvas] - $gap * ($columns - 1)) / $columns}]
    set height [expr {([winfo height $canvas] - $gap * ($rows - 1)) / $rows}]
    if {$tile(grid,dir) eq {x}} {
        set column [expr {$index % $columns}]
        set row [expr {$index / $columns}]
    } else {
        set column [expr {$index / $rows}]
        set row [expr {$index % $rows}]
    }
    return [list [expr {($width + $gap) * $column}] [expr {($height + $gap) * $row}] $width $height]
}

# Place and size of a frame in its tile.
proc ::mtv::frames::box {numbers index} {
    lassign [tile $numbers $index] x y width height
    LayoutFrameAdjust width height
    return [list $x $y $width $height]
}

proc ::mtv::frames::box_of {which} {
    set canvas $::ds9(canvas)
    return [lmap name {-x -y -width -height} {$canvas itemcget $which $name}]
}

proc ::mtv::frames::place {which numbers index} {
    global ds9 view current
    lassign [box $numbers $index] x y width height
    $which configure -x $x -y $y -width $width -height $height -anchor nw
    if {$view(colorbar)} {LayoutColorbar ${which}cb {*}[tile $numbers $index]}
    if {$ds9(display) eq {single}} {
        # a hidden one above the one in front would have the mouse
        $which hide
        ${which}cb hide
        LayoutRaise $current(frame)
        if {$view(colorbar)} {LayoutRaise $current(colorbar)}
        return
    }
    $which show
    LayoutRaise $which
    if {$view(colorbar)} {
        ${which}cb show
        LayoutRaise ${which}cb
    }
}

# Colour maps

# Those that DS9 reads from files, of a colour bar that is being made: read at once where the bar, which begins like the
# one in front, needs one of them, or where the user's own come after them.
proc ::mtv::frames::external {bar group} {
    global current icolorbar
    variable making
    variable maps
    if {!$making || [llength $icolorbar(user,cmaps)] || ![is_built_in [$current(colorbar) get name]]} {
        ::mtv::ds9::CreateColorbarExternal $bar {*}$group
        return
    }
    if {![dict exists $maps $bar]} {trace add execution $bar enter ::mtv::frames::asked}
    dict lappend maps $bar $group
}

proc ::mtv::frames::is_built_in {name} {
    return [expr {$name in $::icolorbar(default,cmaps)}]
}

proc ::mtv::frames::asked {command op} {
    variable making
    lassign $command bar word name
    if {!$making && [needs_maps $word $name]} {read_maps $bar}
}

# Words that nobody knows do.
proc ::mtv::frames::needs_maps {word name} {
    switch -- $word {
        adjust - colormap - configure - hide - invert - show {return 0}
        get {return [expr {$name ni {bias colorbar colormap contrast invert name type}}]}
        map {return [expr {![is_built_in $name]}]}
    }
    return 1
}

proc ::mtv::frames::read_maps {bar} {
    variable maps
    set groups [dict get $maps $bar]
    dict unset maps $bar
    if {[info commands ::$bar] eq {}} return
    trace remove execution $bar enter ::mtv::frames::asked
    foreach group $groups {::mtv::ds9::CreateColorbarExternal $bar {*}$group}
}
